"""The yearly question: asked once, reminded once, ended softly, and answered by a button only."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core import signing
from wagtail.models import ModelLogEntry

from membership import services, yearly
from membership.models import ConsentRecord, Member, Subscription, Suppression
from tests import factories

pytestmark = pytest.mark.django_db
State = Subscription.State
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    settings.ERASURE_JOURNAL = str(tmp_path / "erasures.jsonl")


@pytest.fixture
def clock():
    """A clock that stands still until it is moved on."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sam(clock):
    """Confirmed on 1 March 2026."""
    return factories.subscription("sam@example.org", first_name="Sam")


@pytest.fixture
def run(clock, mailoutbox, django_capture_on_commit_callbacks):
    """What a run does so many days after 1 March 2026, with its mail sent."""

    def act(days):
        clock.move_to(START + timedelta(days=days))
        with django_capture_on_commit_callbacks(execute=True):
            return yearly.run()

    return act


def did(asked):
    return (asked.asked, asked.reminded, asked.ended)


def path_in(mail):
    (link,) = re.findall(r"https?://\S+", mail.body)
    return urlsplit(link).path


@pytest.fixture
def question(sam, run, mailoutbox):
    """The path of the page a question leads to."""
    run(365)
    return path_in(mailoutbox[-1])


# --- When ----------------------------------------------------------------------------------------


def test_whole_course_without_an_answer(sam, run, mailoutbox):
    course = {day: did(run(day)) for day in (364, 365, 366, 394, 395, 396, 454, 455, 456, 900)}
    assert {day: done for day, done in course.items() if any(done)} == {
        365: (1, 0, 0),
        395: (0, 1, 0),
        455: (0, 0, 1),
    }
    assert [mail.to for mail in mailoutbox] == [["sam@example.org"]] * 3
    sam.refresh_from_db()
    assert sam.state == State.ENDED
    record = ConsentRecord.objects.get()
    assert (record.act, record.channel, record.purpose) == ("withdrawn", "yearly", "news")
    assert [mail.extra_headers["Auto-Submitted"] for mail in mailoutbox] == ["auto-generated"] * 3


def test_several_runs_a_day_ask_once(sam, run, mailoutbox):
    for _ in range(3):
        run(365)
    for _ in range(3):
        run(395)
    assert len(mailoutbox) == 2


def test_missed_days_are_made_up_for_and_nobody_is_ended_unreminded(sam, run):
    assert did(run(380)) == (1, 0, 0)
    # The scheduler was down for four months: the reminder comes first, the end a month after it.
    assert did(run(500)) == (0, 1, 0)
    assert did(run(529)) == (0, 0, 0)
    assert did(run(530)) == (0, 0, 1)


def test_answer_of_one_year_is_followed_by_the_question_of_the_next(sam, run, client):
    run(365)
    yearly.stay(Member.objects.get())
    assert did(run(500)) == (0, 0, 0)
    assert did(run(364 + 365)) == (0, 0, 0)
    assert did(run(365 + 365)) == (1, 0, 0)
    assert did(run(365 + 365 + 30)) == (0, 1, 0), "reminded anew: last year's reminder does not count"


@pytest.mark.parametrize(
    "fields",
    [{"state": State.PENDING}, {"state": State.ENDED}, {"state": State.PAUSED, "paused_until": "2030-01-01"}],
    ids=["pending", "ended", "paused until a day"],
)
def test_these_are_not_asked(clock, run, fields):
    factories.subscription(**fields)
    assert did(run(400)) == (0, 0, 0)


def test_suppressed_address_is_not_asked(clock, run):
    factories.subscription(suppressed=True)
    assert did(run(400)) == (0, 0, 0)


def test_suppressed_since_is_neither_reminded_nor_ended(sam, run):
    run(365)
    Suppression.objects.create(address_hash=sam.member.user.address_hash, reason="bounced")
    assert did(run(395)) == did(run(600)) == (0, 0, 0)


def test_whoever_paused_for_good_is_asked(clock, run):
    factories.subscription(state=State.PAUSED)
    assert did(run(365)) == (1, 0, 0)


def test_nothing_happens_while_sending_is_disarmed(sam, run, settings, mailoutbox):
    settings.SENDING_ARMED = False
    assert did(run(400)) == (0, 0, 0)
    assert Member.objects.get().post_asked_at is None
    settings.SENDING_ARMED = True
    assert did(run(400)) == (1, 0, 0)


def test_nobody_is_marked_while_mail_is_out_of_reach(sam, run, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 9, 2
    assert run(365).left
    assert Member.objects.get().post_asked_at is None


def test_one_mail_that_fails_keeps_nobody_else_waiting(clock, run, mailoutbox, monkeypatch):
    factories.subscription("bad@example.org", first_name="Bad\nBcc: x")
    factories.subscription("good@example.org")
    monkeypatch.setattr(
        "django.core.mail.backends.locmem.EmailBackend.send_messages", _fails_for("bad@example.org", mailoutbox)
    )
    assert did(run(365)) == (2, 0, 0)
    assert [mail.to for mail in mailoutbox] == [["good@example.org"]]


def _fails_for(address, outbox):
    def send_messages(backend, messages):
        if messages[0].to == [address]:
            raise OSError("refused")
        outbox.extend(messages)
        return len(messages)

    return send_messages


def test_batches(clock, run, monkeypatch, mailoutbox):
    monkeypatch.setattr(yearly, "BATCH", 2)
    for _ in range(5):
        factories.subscription()
    assert did(run(365)) == (5, 0, 0)
    assert did(run(395)) == (0, 5, 0)
    assert did(run(455)) == (0, 0, 5)
    assert len(mailoutbox) == 15


def test_reminder_written_meanwhile_by_another_process_is_seen(sam, run, monkeypatch):
    run(365)
    run(395)
    monkeypatch.setattr(yearly, "to_remind", lambda now: Member.objects.all())  # as if read before the other wrote
    assert yearly.remind() == (0, True)
    assert ModelLogEntry.objects.filter(action=yearly.REMINDED).count() == 1


# --- The page ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_the_link_changes_nothing(client, question, sam, method):
    response = getattr(client, method)(question)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert Member.objects.get().post_confirmed_at is None
    sam.refresh_from_db()
    assert sam.state == State.ACTIVE
    assert "sam" not in question


def test_staying(client, question, run):
    response = client.post(question, {"act": "stay"}, follow=True)
    assert b"We ask again in a year" in response.content
    assert b"Thank you for telling us" in client.get(question).content
    assert did(run(395)) == did(run(455)) == (0, 0, 0)


def test_moving_on_ends_it_and_can_be_taken_back(client, question, sam, run):
    client.post(question, {"act": "moved"})
    sam.refresh_from_db()
    assert sam.state == State.ENDED
    assert b"Receive it again" in client.get(question).content
    client.post(question, {"act": "undo"})
    sam.refresh_from_db()
    assert sam.state == State.ACTIVE
    assert [record.channel for record in ConsentRecord.objects.all()] == ["one-click", "undo"]
    assert did(run(395)) == did(run(455)) == (0, 0, 0), "taking it back is an answer"


def test_end_can_be_taken_back_from_the_last_mail(client, sam, run, mailoutbox):
    for day in (365, 395, 455):
        run(day)
    path = path_in(mailoutbox[-1])
    client.get(path)
    sam.refresh_from_db()
    assert sam.state == State.ENDED
    client.post(path, {"act": "undo"})
    sam.refresh_from_db()
    assert sam.state == State.ACTIVE
    assert did(run(456)) == did(run(800)) == (0, 0, 0)


def test_too_late_to_take_back_leads_to_joining(client, sam, run, mailoutbox):
    for day in (365, 395, 455):
        run(day)
    run(465)
    path = path_in(mailoutbox[-1])
    assert b"join again" in client.get(path).content
    client.post(path, {"act": "undo"})
    sam.refresh_from_db()
    assert sam.state == State.ENDED


def test_whoever_comes_back_by_preferences_has_answered(sam, run):
    for day in (365, 395, 455):
        run(day)
    sam.refresh_from_db()
    assert services.undo_leaving(subscription=sam)
    assert did(run(456)) == did(run(800)) == (0, 0, 0)
    assert did(run(455 + 365)) == (1, 0, 0)


def test_link_of_an_earlier_year_is_no_longer_valid(client, question, sam, run):
    yearly.stay(sam.member)
    run(365 + 365)
    assert client.get(question).status_code == 404


@pytest.mark.parametrize(
    "token",
    ["garbage", "x:y:z", "%00", signing.dumps([1, 2]), signing.dumps("x", salt=yearly.SALT)],
    ids=["garbage", "colons", "nul", "other salt", "other content"],  # the tokens hold the time
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_any_other_link_is_unknown(client, question, token, method):
    response = getattr(client, method)(f"/account/still-here/{token}/")
    assert response.status_code == 404
    assert b"no longer valid" in response.content


@pytest.mark.parametrize("act", ["", "leave", "<script>"])
def test_any_other_button_does_nothing(client, question, sam, act):
    client.post(question, {"act": act})
    sam.refresh_from_db()
    assert (sam.state, Member.objects.get().post_confirmed_at) == (State.ACTIVE, None)
