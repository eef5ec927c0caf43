"""The verbs of a member's choices: preferences, pausing, leaving, and never being mailed again."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError

from cms.addresses import address_hash
from cms.models import Kind
from membership import services
from membership.models import ConsentRecord, Member, Subscription, Suppression
from tests.factories import region, sector, subscription

pytestmark = pytest.mark.django_db
State, Reason, Channel = Subscription.State, Suppression.Reason, ConsentRecord.Channel


def acts(of):
    """What was recorded, in the order in which it happened."""
    return [(record.purpose, record.act, record.channel) for record in of.member.consents.order_by("pk")]


def change(one, **changed):
    wanted = {
        "sectors": [sector("health")],
        "region": region("north-east"),
        "kinds": list(Kind.values),
        "track_opens": False,
        "track_clicks": False,
    }
    services.change_preferences(subscription=one, **wanted | changed)
    one.refresh_from_db()


def test_preferences_are_kept():
    one = subscription()
    change(one, sectors=[sector("prisons"), sector("schools")], region=None, kinds=["event", "event", "funding"])
    assert {found.slug for found in one.member.sectors.all()} == {"prisons", "schools"}
    assert (Member.objects.get().region, one.kinds) == (None, ["event", "funding"])
    assert acts(one) == []


def test_every_tracking_switch_that_moves_is_recorded_and_no_other():
    one = subscription()
    change(one, track_opens=True, track_clicks=True)
    change(one, track_opens=True, track_clicks=False)
    change(one, track_opens=True, track_clicks=False)
    change(one, track_opens=False)
    assert acts(one) == [
        ("opens", "confirmed", "preferences"),
        ("clicks", "confirmed", "preferences"),
        ("clicks", "withdrawn", "preferences"),
        ("opens", "withdrawn", "preferences"),
    ]
    assert (one.track_opens, one.track_clicks) == (False, False)


@pytest.mark.parametrize("kinds", [["nonsense"], ["event", "nonsense"], []])
def test_unknown_kinds_change_nothing(kinds):
    one = subscription()
    with pytest.raises(ValidationError):
        services.change_preferences(
            subscription=one, sectors=[], region=None, kinds=kinds, track_opens=True, track_clicks=True
        )
    after = Subscription.objects.get()
    assert (set(after.kinds), after.track_opens, acts(one)) == (set(Kind.values), False, [])
    assert after.member.region == region("north-east")


def test_pausing_and_resuming_may_be_done_twice():
    one = subscription()
    for _ in range(2):
        services.pause(subscription=one, until=date(2027, 1, 1))
        assert (one.state, one.paused_until) == (State.PAUSED, date(2027, 1, 1))
    assert not Subscription.objects.entitled().exists()
    assert services.resume(subscription=one) is True
    assert services.resume(subscription=one) is False
    assert (one.state, one.paused_until) == (State.ACTIVE, None)
    assert Subscription.objects.entitled().exists()


@pytest.mark.parametrize("state", [State.PENDING, State.ENDED])
def test_only_members_can_pause_and_resume(state):
    one = subscription(state=state)
    assert services.pause(subscription=one) is False
    assert services.resume(subscription=one) is False
    assert one.state == state


@pytest.mark.parametrize("state", [State.PENDING, State.ACTIVE, State.PAUSED])
def test_leaving_is_recorded_once(state):
    one = subscription(state=state)
    assert services.unsubscribe(subscription=one, channel=Channel.ONE_CLICK) is True
    ended_at = Subscription.objects.get().ended_at
    assert services.unsubscribe(subscription=one, channel=Channel.PREFERENCES) is False
    after = Subscription.objects.get()
    assert (after.state, after.ended_at) == (State.ENDED, ended_at)
    assert [act for act in acts(one) if act[0] == "news"] == [("news", "withdrawn", "one-click")]


def test_leaving_ends_a_dated_pause_and_makes_a_waiting_link_useless(client, join, mailoutbox, confirmation_path):
    paused = subscription(state=State.PAUSED, paused_until=date(2027, 1, 1))
    services.unsubscribe(subscription=paused, channel=Channel.ONE_CLICK)
    assert paused.paused_until is None
    services.unsubscribe(subscription=join(), channel=Channel.STAFF)
    assert client.post(confirmation_path(mailoutbox[0])).status_code == 404


def test_suppressing_keeps_the_first_reason():
    one = subscription("sam@example.org")
    services.suppress(address_hash=address_hash("sam@example.org"), reason=Reason.COMPLAINED)
    services.suppress(address_hash=address_hash("sam@example.org"), reason=Reason.REQUESTED)
    assert Suppression.objects.get().reason == Reason.COMPLAINED
    assert one not in Subscription.objects.entitled()
