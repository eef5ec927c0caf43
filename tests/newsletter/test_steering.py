"""Pause, resume and cancel: conditional, audited, and without anybody lost."""

import json
import logging

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import PageLogEntry

from membership.models import User
from newsletter import ledger, steering
from newsletter.certificate import certify, issue_certificate
from newsletter.compiling import IssueError
from newsletter.models import Delivery, Issue, Mailing
from newsletter.site import APPROVERS_GROUP
from newsletter.steering import cancel, pause, pause_for_trouble, resume
from tests import factories
from tests.newsletter.fakes import crowd_of, end_waits, expire_leases, open_mailing, set_mailing
from tests.newsletter.moves import A, B, State, claim, finish, mark

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(db) -> Issue:
    return open_mailing(crowd_of(5))


@pytest.fixture
def ada(db) -> User:
    return factories.UserFactory(first_name="Ada", last_name="Able", is_superuser=True)


def mailing() -> Mailing:
    return Mailing.objects.get()


def history(issue: Issue) -> list[tuple[str, User | None]]:
    entries = PageLogEntry.objects.filter(page=issue.pk, action__startswith="newsletter.").order_by("pk")
    return [(entry.action, entry.user) for entry in entries]


class TestPauseAndResume:
    def test_nothing_is_handed_over_while_paused_and_everything_after(self, issue, ada):
        held = claim(issue, limit=2)
        pause(issue, by=ada, reason="the provider asked us to wait")
        assert mailing().state == "paused"
        assert mailing().held_because == "Paused by Ada Able: the provider asked us to wait"
        assert ledger.mark_sending(issue=issue.pk, attempt=A, rows=held).ready == []
        resume(issue, by=ada)
        assert (mailing().state, mailing().held_because) == ("sending", "")
        assert len(ledger.mark_sending(issue=issue.pk, attempt=A, rows=held).ready) == 2
        assert history(issue) == [("newsletter.pause", ada), ("newsletter.resume", ada)]

    def test_what_was_being_handed_over_ends_by_itself(self, issue):
        marked = mark(issue, limit=2)
        pause(issue, by=None, reason="lunch")
        assert finish(marked) == 2
        assert factories.states(issue) == {"sent": 2, "pending": 3}

    def test_frozen_one_waits_to_be_started_again(self, issue):
        Mailing.objects.update(state="frozen", started_at=None)
        pause(issue, by=None, reason="not today")
        resume(issue, by=None)
        assert mailing().state == "frozen"

    @pytest.mark.parametrize(
        ("act", "state", "words"),
        [
            (pause, "paused", "paused already"),
            (pause, "cancelled", "been cancelled"),
            (pause, "finished", "has been sent"),
            (resume, "frozen", "not been started"),
            (resume, "sending", "being sent"),
            (resume, "cancelled", "been cancelled"),
            (resume, "finished", "has been sent"),
            (cancel, "cancelled", "been cancelled"),
            (cancel, "finished", "has been sent"),
        ],
    )
    def test_refused_otherwise_and_nothing_changes(self, issue, act, state, words):
        set_mailing(issue, state)
        reason = {} if act == resume else {"reason": "a reason"}
        with pytest.raises(IssueError, match=words):
            act(issue, by=None, **reason)
        assert mailing().state == state
        assert history(issue) == []
        assert factories.states(issue) == {"pending": 5}

    @pytest.mark.parametrize("act", [pause, cancel])
    def test_reason_is_needed(self, issue, act):
        with pytest.raises(IssueError, match="Say why"):
            act(issue, by=None, reason=" \n ")
        assert mailing().state == "sending"

    def test_issue_that_was_not_frozen(self):
        with pytest.raises(IssueError, match="not been frozen"):
            pause(factories.issue(), by=None, reason="a reason")

    def test_long_reason_is_cut(self, issue):
        pause(issue, by=None, reason="word " * 200)
        assert len(mailing().held_because) == 300

    def test_reason_is_shown_in_the_history(self, issue):
        pause(issue, by=None, reason="100 % {odd}")
        assert (
            PageLogEntry.objects.get(page=issue.pk, action="newsletter.pause").message == "Sending paused: 100 % {odd}"
        )


class TestCancel:
    @pytest.mark.parametrize("state", ["frozen", "sending", "paused"])
    def test_whoever_waits_is_skipped_with_the_reason(self, issue, ada, state):
        first, second, *_ = Delivery.objects.order_by("pk")
        Delivery.objects.filter(pk=first.pk).update(state="sent")
        Delivery.objects.filter(pk=second.pk).update(
            state="retry_wait", reason="greylisted", next_attempt_at=timezone.now()
        )
        set_mailing(issue, state)
        done = cancel(issue, by=ada, reason="wrong month")
        assert (done.skipped, done.in_flight) == (4, 0)
        assert (mailing().state, mailing().held_because) == ("cancelled", "Cancelled by Ada Able: wrong month")
        assert certify(issue).skipped_because == {"cancelled": 4}
        assert certify(issue).proved
        assert not Delivery.objects.filter(state="skipped", next_attempt_at__isnull=False).exists()
        assert not Delivery.objects.filter(state="skipped", finished_at=None).exists()
        assert history(issue) == [("newsletter.cancel", ada)]

    def test_rows_in_flight_end_by_themselves_and_what_comes_back_is_skipped_later(self, issue):
        sending = mark(issue, A, limit=3)
        held = claim(issue, B, limit=1)
        done = cancel(issue, by=None, reason="wrong month")
        assert (done.skipped, done.in_flight) == (1, 4)
        assert ledger.mark_sending(issue=issue.pk, attempt=B, rows=held).ready == []
        assert issue_certificate(issue) is None
        ledger.finish(attempt=A, state="sent", rows=[(sending.ready[0].delivery, "")])
        ledger.finish(
            attempt=A,
            state="retry_wait",
            rows=[(sending.ready[1].delivery, "")],
            reason="busy",
            next_attempt_at=timezone.now(),
        )
        end_waits(issue)
        expire_leases(issue)
        ledger.reap_claims(issue=issue.pk)
        ledger.reap_sending(issue=issue.pk)
        assert ledger.cancel(issue=issue.pk) == 2
        assert factories.states(issue) == {"sent": 1, "skipped": 3, "unknown": 1}
        assert mailing().state == "cancelled"
        assert issue_certificate(issue)

    def test_works_in_batches_and_may_be_called_again(self, issue, monkeypatch):
        monkeypatch.setattr("newsletter.ledger.sweeping.CANCELLED_AT_ONCE", 2)
        set_mailing(issue, "cancelled")
        with CaptureQueriesContext(connection) as captured:
            assert ledger.cancel(issue=issue.pk) == 5
        assert len(captured) == 5  # the state, three batches, and one that finds nothing
        assert ledger.cancel(issue=issue.pk) == 0

    @pytest.mark.parametrize("state", ["frozen", "sending", "paused", "finished"])
    def test_ledger_refuses_while_the_mailing_is_not_cancelled(self, issue, state):
        set_mailing(issue, state)
        assert ledger.cancel(issue=issue.pk) == 0
        assert factories.states(issue) == {"pending": 5}

    def test_another_issue_is_left_alone(self, issue):
        other = open_mailing(crowd_of(5), period="2026-11")
        cancel(issue, by=None, reason="wrong month")
        assert factories.states(other) == {"pending": 5}


class TestTrouble:
    @pytest.fixture
    def people(self, ada) -> set[str]:
        approver = factories.UserFactory()
        for person in (approver, factories.UserFactory(is_active=False), ada):
            person.groups.add(Group.objects.get(name=APPROVERS_GROUP))
        factories.UserFactory(is_staff=True)
        return {ada.email, approver.email}

    def test_pauses_and_mails_those_who_look_after_it_once_each(self, issue, people, mailoutbox, settings):
        assert pause_for_trouble(issue, "the provider refused us 5 times in a row")
        assert mailing().held_because == "Paused by itself: the provider refused us 5 times in a row"
        assert history(issue) == [("newsletter.pause", None)]
        assert [len(mail.recipients()) for mail in mailoutbox] == [1, 1]
        assert {mail.to[0] for mail in mailoutbox} == people
        for mail in mailoutbox:
            assert mail.from_email == settings.ACCOUNTS_FROM
            assert "refused us 5 times" in mail.body
            assert f"/admin/e-news/{issue.pk}/certificate/" in mail.body

    @pytest.mark.parametrize("state", ["frozen", "paused", "cancelled", "finished"])
    def test_second_worker_with_the_same_trouble_is_silent(self, issue, people, mailoutbox, state):
        set_mailing(issue, state)
        assert not pause_for_trouble(issue, "again")
        assert (mailoutbox, mailing().state) == ([], state)

    def test_mail_that_fails_does_not_stop_anything(self, issue, people, settings, caplog):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
        with caplog.at_level(logging.ERROR, logger=steering.__name__):
            assert pause_for_trouble(issue, "the provider is gone")
        assert mailing().state == "paused"
        assert "ConnectionRefusedError" in caplog.text
        assert not [address for address in people if address in caplog.text]


class TestCommands:
    def run(self, capsys, *arguments: str) -> dict:
        call_command(*arguments, "--json")
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    def test_pause_resume_cancel(self, issue, ada, capsys, django_capture_on_commit_callbacks):
        by = ["--by", ada.email]
        assert self.run(capsys, "pause_issue", "2026-10", "--reason", "lunch", *by) == {
            "issue": "2026-10",
            "state": "paused",
        }
        with django_capture_on_commit_callbacks() as told:
            assert self.run(capsys, "resume_issue", "2026-10", *by)["state"] == "sending"
        assert len(told) == 1, "the workers"
        found = self.run(capsys, "cancel_issue", "2026-10", "--reason", "wrong month")
        assert found == {"issue": "2026-10", "state": "cancelled", "skipped": 5, "in_flight": 0}
        assert history(issue) == [("newsletter.pause", ada), ("newsletter.resume", ada), ("newsletter.cancel", None)]

    def test_resumed_before_it_was_started_tells_no_worker(self, issue, capsys, django_capture_on_commit_callbacks):
        Mailing.objects.update(state="paused", started_at=None)
        with django_capture_on_commit_callbacks() as told:
            assert self.run(capsys, "resume_issue", "2026-10")["state"] == "frozen"
        assert told == []


def test_unknown_rows_of_a_cancelled_issue_stay_to_be_decided(issue):
    mark(issue, limit=2)
    cancel(issue, by=None, reason="wrong month")
    expire_leases(issue)
    ledger.reap_sending(issue=issue.pk)
    assert ledger.cancel(issue=issue.pk) == 0
    assert Delivery.objects.filter(state=State.UNKNOWN).count() == 2


def test_a_pause_after_the_end_leaves_the_issue_in_the_archive(issue, ada):
    """It was opened again, for a decision to send again, and is held: it has been sent all the same."""
    Mailing.objects.update(finished_at=timezone.now())
    pause(issue, by=ada, reason="a question")
    assert Issue.objects.sent().get() == issue
    resume(issue, by=ada)
    assert Issue.objects.sent().get() == issue
