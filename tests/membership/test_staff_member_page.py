"""One member's page: what it shows, and the acts of staff."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from membership import held, services, timeline
from membership.models import ConsentRecord, Subscription
from tests.factories import subscription
from tests.membership.staffing import adviser, officer

pytestmark = pytest.mark.django_db
State = Subscription.State


def page(one):
    return reverse("members:inspect", args=[one.member.pk])


def logged():
    return [(entry.action, entry.data.get("note", "")) for entry in ModelLogEntry.objects.order_by("pk")]


def test_profile_and_subscription():
    one = subscription(sectors=["health"], track_opens=True, kinds=["event"], suppressed=True)
    text = adviser().get(page(one)).content.decode()
    for words in ("Health", "North East", "Active, address suppressed", "Opens", "Event", "mailbox does not exist"):
        assert words in text


def test_timeline_names_consents_with_wording_and_channel(join):
    one = join(track_opens=True)
    services.confirm(subscription=one)
    services.unsubscribe(subscription=one, channel=ConsentRecord.Channel.ONE_CLICK)
    events = timeline.events(one.member)
    assert [event.what for event in events][-1] == "Registered"
    assert events[0].what == "Withdrawn: The monthly e-news"
    wording = ConsentRecord.objects.first().wording_version
    assert events[0].how == f"One-click link in a mail, wording of {wording}"
    assert {"Confirmed: The monthly e-news", "Asked for: Measuring opens"} <= {event.what for event in events}
    assert sorted(events, key=lambda event: event.at, reverse=True) == events


def test_timeline_takes_deliveries_from_what_other_rooms_hold(monkeypatch):
    one, now = subscription(), timezone.now() + timedelta(hours=1)
    rows = [{"issue": "October 2026", "state": "Sent", "time": now}, {"issue": "never", "time": None}]
    monkeypatch.setattr(held, "_sources", {})
    held.register(held.Source("deliveries", "E-news sent to you", lambda member: rows))
    held.register(held.Source("hits", "Links you followed", lambda member: [{"link": "private", "time": now}]))
    events = timeline.events(one.member)
    assert (events[0].at, events[0].what) == (now, "E-news: October 2026, Sent")
    assert all("private" not in event.what for event in events), "what somebody reads is their own"


def test_pausing_until_a_day():
    one, day = subscription(), timezone.localdate() + timedelta(days=30)
    response = officer().post(page(one), {"act": "pause", "until": day.isoformat()}, follow=True)
    one.refresh_from_db()
    assert (one.state, one.paused_until) == (State.PAUSED, day)
    assert logged()[0][0] == timeline.PAUSED
    text = response.content.decode()
    assert "The e-news is paused until" in text
    assert "Staff Person" in text, "the timeline says who did it"


def test_a_pause_in_the_past_is_refused():
    one = subscription()
    response = officer().post(page(one), {"act": "pause", "until": timezone.localdate().isoformat()})
    assert response.status_code == 400
    assert "Choose a day after today" in response.content.decode()
    one.refresh_from_db()
    assert (one.state, logged()) == (State.ACTIVE, [])


def test_resuming():
    one = subscription(state=State.PAUSED)
    officer().post(page(one), {"act": "resume"})
    one.refresh_from_db()
    assert (one.state, logged()) == (State.ACTIVE, [(timeline.RESUMED, "")])


def test_ending_asks_first_and_records_consent_by_channel_staff():
    one, client = subscription(), officer()
    asking = client.get(reverse("members:end", args=[one.member.pk]))
    assert "Yes, end it" in asking.content.decode()
    one.refresh_from_db()
    assert one.state == State.ACTIVE, "looking at the question changes nothing"
    client.post(page(one), {"act": "end"})
    one.refresh_from_db()
    assert one.state == State.ENDED
    record = one.member.consents.last()
    assert (record.purpose, record.act, record.channel) == ("news", "withdrawn", "staff")
    assert logged() == [(timeline.ENDED, "")]


def test_asking_again_sends_the_confirmation_mail(join, mailoutbox, django_capture_on_commit_callbacks):
    one = join()
    with django_capture_on_commit_callbacks(execute=True):
        officer().post(page(one), {"act": "ask"})
    assert [mail.recipients() for mail in mailoutbox] == [["sam@example.org"]] * 2
    one.refresh_from_db()
    assert (one.state, logged()) == (State.PENDING, [(timeline.ASKED, "")])


@pytest.mark.parametrize("state", [State.PENDING, State.ENDED])
@pytest.mark.parametrize("act", ["activate", "confirm", "resume", "pause", "", "join"])
def test_staff_can_never_make_a_subscription_active(state, act):
    one = subscription(state=state)
    response = officer().post(page(one), {"act": act}, follow=True)
    one.refresh_from_db()
    assert (one.state, logged()) == (state, [])
    assert "Nothing was changed" in response.content.decode()


def test_an_unknown_member_is_not_found():
    assert officer().get(reverse("members:inspect", args=[999999])).status_code == 404


def test_names_are_shown_as_text():
    one = subscription(first_name="<script>alert(1)</script>")
    client = officer()
    for address in (page(one), reverse("members:index"), reverse("members:end", args=[one.member.pk])):
        assert b"<script>alert(1)" not in client.get(address).content
