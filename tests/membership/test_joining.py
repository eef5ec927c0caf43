"""Joining: with the e-news or without, the confirmation once more, its end, and the welcome."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from cms.groups import MEMBERS_GROUP
from cms.models import Kind
from membership import services
from membership.models import ConsentRecord, Subscription, User
from newsletter.models import Mailing
from tests.factories import UserFactory, issue, subscription
from tests.membership.forms import joining

pytestmark = pytest.mark.django_db
State = Subscription.State


def without_news(**fields):
    data = joining(**fields)
    del data["wants_news"]
    return data


# --- The e-news, yes or no -----------------------------------------------------------------------


def test_join_page_explains_the_benefits(client):
    assert 'href="/benefits/"' in client.get("/join/").content.decode()


def test_member_without_e_news(post, client, mailoutbox, confirmation_path):
    post("/join/", without_news(track_opens="on"))
    one = Subscription.objects.get()
    assert (one.state, one.track_opens) == (State.PENDING, False)
    assert "monthly e-news" not in mailoutbox[0].body
    path = confirmation_path(mailoutbox[0])
    assert "You receive no e-news" in client.get(path).content.decode()
    assert "next e-news" not in post(path, {}).content.decode()
    one.refresh_from_db()
    assert one.state == State.ENDED
    assert not services.may_undo(one), "nothing was left, so there is nothing to take back"
    assert one.member.user.groups.filter(name=MEMBERS_GROUP).exists()
    assert not ConsentRecord.objects.exists()
    assert not Subscription.objects.entitled().exists()
    assert "You do not receive the e-news" in mailoutbox[1].body


def test_member_without_e_news_can_start_it_later(post, client, mailoutbox, confirmation_path):
    post("/join/", without_news())
    post(confirmation_path(mailoutbox[0]), {})
    post("/join/", joining())
    post(confirmation_path(mailoutbox[-1]), {})
    one = Subscription.objects.get()
    assert (one.state, set(one.kinds)) == (State.ACTIVE, set(Kind.values))
    assert [record.act for record in one.member.consents.all()] == ["asked", "confirmed"]


@pytest.mark.parametrize(("first", "second", "state"), [(True, False, State.ENDED), (False, True, State.ACTIVE)])
def test_the_later_form_decides_while_nothing_is_confirmed(post, mailoutbox, confirmation_path, first, second, state):
    for wants in (first, second):
        post("/join/", joining() if wants else without_news())
    post(confirmation_path(mailoutbox[-1]), {})
    assert Subscription.objects.get().state == state


def test_somebody_who_has_left_and_wants_no_news_is_told_they_are_a_member(post, mailoutbox):
    subscription("sam@example.org", state=State.ENDED)
    post("/join/", without_news())
    assert "already" in mailoutbox[0].subject
    assert Subscription.objects.get().state == State.ENDED


def test_two_people_share_a_mailbox_by_plus_addresses(post, mailoutbox, confirmation_path):
    for address in ("team+ann@example.org", "team+bob@example.org"):
        post("/join/", joining(address))
    for mail in mailoutbox[:2]:
        post(confirmation_path(mail), {})
    assert User.objects.count() == Subscription.objects.active().count() == 2


def test_a_form_sent_twice_makes_one_member(post, mailoutbox, confirmation_path):
    for _ in range(2):
        assert post("/join/", joining()).status_code == 200
    assert post(confirmation_path(mailoutbox[0]), {}).status_code == 404, "a newer link has taken its place"
    assert post(confirmation_path(mailoutbox[1]), {}).status_code == 200
    assert Subscription.objects.get().state == State.ACTIVE


# --- Once more -----------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["sam@example.org", "SAM@Example.org"])
def test_confirmation_is_sent_once_more(post, waiting, mailoutbox, confirmation_path, typed):
    assert post("/join/resend/", {"email": typed}).status_code == 200
    new = confirmation_path(mailoutbox[-1])
    assert new != waiting
    assert post(waiting, {}).status_code == 404
    assert post(new, {}).status_code == 200
    assert Subscription.objects.get().state == State.ACTIVE
    assert ConsentRecord.objects.filter(act="asked").count() == 1, "it was asked for once"


@pytest.mark.parametrize("state", [State.ACTIVE, State.PAUSED, State.ENDED])
def test_whoever_waits_for_nothing_is_told_so_by_mail(post, mailoutbox, state):
    subscription("sam@example.org", state=state)
    post("/join/resend/", {"email": "sam@example.org"})
    (mail,) = mailoutbox
    assert "/join/confirm/" not in mail.body
    assert "already" in mail.subject
    assert Subscription.objects.get().state == state


def test_strangers_are_told_so_by_mail_unless_they_must_not_be_mailed(post, mailoutbox):
    post("/join/resend/", {"email": "stranger@example.org"})
    assert [mail.to for mail in mailoutbox] == [["stranger@example.org"]]
    assert not User.objects.exists()
    from cms.addresses import address_hash

    services.suppress(address_hash=address_hash("gone@example.org"), reason="erased")
    answers = [post("/join/resend/", {"email": email}, Client()) for email in ("gone@example.org", "x@example.org")]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert ["gone@example.org"] not in [mail.to for mail in mailoutbox]


def test_editor_without_membership_is_told_so(post, mailoutbox):
    UserFactory(email="editor@example.org")
    post("/join/resend/", {"email": "editor@example.org"})
    assert "already" in mailoutbox[0].subject


@pytest.mark.parametrize("email", ["", "sam", "sam@example.org\r\nBcc: eve@example.org"])
def test_resend_refuses_what_is_no_address(post, mailoutbox, email):
    response = post("/join/resend/", {"email": email})
    assert response.status_code == 400
    assert 'id="id_email_error"' in response.content.decode()
    assert mailoutbox == []


def test_resend_page_opens(client):
    assert client.get("/join/resend/").status_code == client.head("/join/resend/").status_code == 200


# --- Its end -------------------------------------------------------------------------------------


def test_link_ends_after_thirty_days(client, waiting):
    with time_machine.travel(timezone.now() + timedelta(days=29, hours=23), tick=False):
        assert client.get(waiting).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=30, minutes=1), tick=False):
        response = client.post(waiting)
        assert response.status_code == 404
        assert "/join/resend/" in response.content.decode()
    assert Subscription.objects.get().state == State.PENDING


@pytest.mark.parametrize("change", [str.upper, lambda path: path[:-3] + "xx/", lambda path: path[:20] + "/"])
def test_tampered_link_is_unknown(client, waiting, change):
    path = "/join/confirm/" + change(waiting.removeprefix("/join/confirm/"))
    assert client.post(path).status_code == 404
    assert Subscription.objects.get().state == State.PENDING


# --- The welcome ---------------------------------------------------------------------------------


def test_welcome_leads_to_the_latest_issue(post, waiting, mailoutbox, settings):
    for period, state in (("2026-08", "finished"), ("2026-09", "finished"), ("2026-10", "sending")):
        ended = timezone.now() if state == "finished" else None
        Mailing.objects.create(issue=issue(period, live=True), state=state, finished_at=ended)
    post(waiting, {})
    welcome = mailoutbox[-1]
    assert welcome.to == ["sam@example.org"]
    assert f"{settings.SITE_URL}/e-news/2026-09/" in welcome.body
    assert f"{settings.SITE_URL}/benefits/" in welcome.body
    assert welcome.extra_headers["Auto-Submitted"] == "auto-generated"


def test_welcome_without_any_issue(post, waiting, mailoutbox):
    post(waiting, {})
    assert "/e-news/" not in mailoutbox[-1].body
    assert len(mailoutbox) == 2


def test_welcome_comes_once(post, waiting, mailoutbox):
    post(waiting, {})
    services.confirm(subscription=Subscription.objects.get())
    assert [mail.subject for mail in mailoutbox[1:]] == ["Welcome to i-HOP"]
