"""Scheduling: an approved issue is sent at the moment somebody chose, once, by whichever tick comes first."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone
from wagtail.models import PageLogEntry

from newsletter import scheduling
from newsletter.approving import approve, withdraw
from newsletter.compiling import IssueError, compile_issue
from newsletter.freezing import freeze
from newsletter.models import Delivery, Issue, Mailing, NewsletterSettings, Schedule
from newsletter.periods import Period
from newsletter.scheduling import schedule, start_due, unschedule, usual_moment
from newsletter.steering import pause, resume
from newsletter.ticking import run_due
from tests import factories

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def approved(approver) -> Issue:
    factories.entry(title="One")
    issue = compile_issue(Period.parse("2026-10")).issue
    return approve(issue, by=approver)


def test_the_usual_moment_is_that_of_the_settings(approved):
    assert usual_moment(approved) == timezone.make_aware(datetime(2026, 11, 5, 9))
    NewsletterSettings.objects.update(send_day=20, send_hour=7)
    assert usual_moment(approved) == timezone.make_aware(datetime(2026, 11, 20, 7))


def test_once_it_has_passed_the_usual_moment_is_the_next_morning(approved, november):
    november.move_to(datetime(2026, 11, 6, 8, tzinfo=UTC))
    assert usual_moment(approved) == timezone.make_aware(datetime(2026, 11, 6, 9))
    november.move_to(datetime(2026, 11, 6, 18, tzinfo=UTC))
    assert usual_moment(approved) == timezone.make_aware(datetime(2026, 11, 7, 9))


@pytest.mark.parametrize("month", ["2026-02", "2026-09"])
def test_the_hour_is_that_of_london_when_clocks_change(db, month, november):
    """The days around 29 March and 25 October 2026."""
    NewsletterSettings.load()
    NewsletterSettings.objects.update(send_day=28, send_hour=9)
    issue = factories.issue(month)
    november.move_to(datetime(issue.month.year, issue.month.next.month, 1, tzinfo=UTC))
    assert timezone.localtime(usual_moment(issue)).hour == 9


def test_it_is_started_when_its_moment_comes_and_not_before(approved, november):
    factories.subscription()
    schedule(approved, NOW + timedelta(hours=3), by=None)
    november.move_to(NOW + timedelta(hours=2, minutes=59))
    assert start_due() == []
    november.move_to(NOW + timedelta(hours=3))
    assert run_due().started == ["2026-10"]
    assert Mailing.objects.get().state == Mailing.State.SENDING
    assert run_due().started == []
    assert Delivery.objects.count() == 1


def test_who_joins_between_approval_and_sending_is_included(approved, november):
    schedule(approved, NOW + timedelta(days=1), by=None)
    late = factories.subscription("late@example.org")
    november.move_to(NOW + timedelta(days=1))
    start_due()
    assert Delivery.objects.get(member=late.member).state == Delivery.State.PENDING


def test_one_that_was_frozen_before_is_started_too(approved, november):
    """By an operator's command, or by a process that was killed between freezing and opening."""
    schedule(approved, NOW + timedelta(hours=1), by=None)
    freeze(approved)
    assert start_due() == []
    november.move_to(NOW + timedelta(hours=1))
    assert start_due() == ["2026-10"]
    assert Mailing.objects.get().state == Mailing.State.SENDING


def test_one_that_was_paused_before_its_moment_is_left_alone(approved, november):
    schedule(approved, NOW + timedelta(hours=1), by=None)
    freeze(approved)
    pause(approved, by=None, reason="A question")
    november.move_to(NOW + timedelta(hours=1))
    assert start_due() == []


def test_a_scheduler_that_was_down_for_six_hours_starts_it_late(approved, november):
    schedule(approved, NOW + timedelta(hours=1), by=None)
    november.move_to(NOW + timedelta(hours=7))
    assert start_due() == ["2026-10"]


def test_a_stale_schedule_starts_nothing_and_tells_once(approved, approver, november):
    """As in a restored copy, or after a lost weekend."""
    schedule(approved, NOW + timedelta(hours=1), by=None)
    november.move_to(NOW + timedelta(hours=26))
    mail.outbox.clear()
    assert (start_due(), start_due()) == ([], [])
    assert not Mailing.objects.exists()
    assert Schedule.objects.get().missed_at
    assert [message.to for message in mail.outbox] == [[approver.email]]
    assert "choose a new moment" in mail.outbox[0].body
    schedule(approved, timezone.now() + timedelta(hours=1), by=approver)
    assert Schedule.objects.get().missed_at is None


def test_what_stands_in_the_way_is_told_once_and_tried_again(approved, november, settings):
    settings.SENDING_ARMED = False
    schedule(approved, NOW, by=None)
    mail.outbox.clear()
    assert (start_due(), start_due()) == ([], [])
    assert "disarmed" in Schedule.objects.get().trouble
    assert len(mail.outbox) == 1
    settings.SENDING_ARMED = True
    assert start_due() == ["2026-10"]


def test_only_an_approved_issue_has_a_moment(db):
    draft = factories.issue(pages=[factories.entry()])
    with pytest.raises(IssueError, match="not approved"):
        schedule(draft, NOW + timedelta(days=1), by=None)


@pytest.mark.parametrize(
    ("ahead", "sentence"), [(timedelta(hours=-2), "passed"), (timedelta(days=100), "three months")]
)
def test_moments_that_make_no_sense_are_refused(approved, ahead, sentence):
    with pytest.raises(IssueError, match=sentence):
        schedule(approved, NOW + ahead, by=None)
    assert not Schedule.objects.exists()


def test_a_frozen_issue_is_not_scheduled_again(approved, november):
    schedule(approved, NOW, by=None)
    start_due()
    with pytest.raises(IssueError, match="frozen"):
        schedule(approved, NOW + timedelta(days=1), by=None)
    with pytest.raises(IssueError, match="not waiting"):
        unschedule(approved, by=None)


def test_taking_the_moment_away_leaves_it_approved(approved, november):
    schedule(approved, NOW + timedelta(hours=1), by=None)
    unschedule(approved, by=None)
    november.move_to(NOW + timedelta(hours=2))
    assert start_due() == []
    assert Issue.objects.get(pk=approved.pk).live


def test_a_withdrawn_approval_takes_the_moment_with_it(approved, approver, november):
    schedule(approved, NOW + timedelta(hours=1), by=approver)
    withdraw(approved, by=approver, reason="A wrong date in it")
    november.move_to(NOW + timedelta(hours=2))
    assert start_due() == []
    assert not Issue.objects.get(pk=approved.pk).live
    acts = set(PageLogEntry.objects.filter(page=approved.pk, user=approver).values_list("action", flat=True))
    assert {"newsletter.schedule", "newsletter.withdraw"} <= acts


def test_an_approval_can_be_withdrawn_until_it_is_frozen(approved, approver):
    with pytest.raises(IssueError, match="Say why"):
        withdraw(approved, by=approver, reason=" ")
    schedule(approved, NOW, by=approver)
    start_due()
    with pytest.raises(IssueError, match="pause or cancel"):
        withdraw(approved, by=approver, reason="Too late")
    assert Issue.objects.get(pk=approved.pk).live


def test_the_hour_is_londons_wherever_somebody_looks_from(approved):
    with timezone.override("America/New_York"):
        assert usual_moment(approved) == datetime(2026, 11, 5, 9, tzinfo=UTC)


def test_one_that_cannot_be_started_holds_up_no_other(approved, approver, november, monkeypatch):
    """Whatever goes wrong with it."""
    factories.entry(title="Two", published=datetime(2026, 9, 10, tzinfo=UTC))
    other = approve(compile_issue(Period.parse("2026-09")).issue, by=approver)
    schedule(approved, NOW, by=None)
    schedule(other, NOW + timedelta(minutes=1), by=None)
    november.move_to(NOW + timedelta(minutes=2))

    def start(issue):
        if issue.pk == approved.pk:
            raise RuntimeError("something nobody thought of")
        return real(issue)

    real = scheduling.start
    monkeypatch.setattr(scheduling, "start", start)
    assert run_due().started == ["2026-09"]
    assert "RuntimeError" in Schedule.objects.get(pk=approved.pk).trouble


def test_one_that_was_moved_while_another_was_frozen_is_not_started(approved, approver, monkeypatch):
    factories.entry(title="Two", published=datetime(2026, 9, 10, tzinfo=UTC))
    other = approve(compile_issue(Period.parse("2026-09")).issue, by=approver)
    schedule(approved, NOW, by=None)
    schedule(other, NOW - timedelta(minutes=1), by=None)

    def start(issue):
        schedule(approved, NOW + timedelta(days=1), by=approver)
        return real(issue)

    real = scheduling.start
    monkeypatch.setattr(scheduling, "start", start)
    assert start_due() == ["2026-09"]


def test_resuming_what_was_paused_before_it_began_mails_nobody(approved, november):
    schedule(approved, NOW + timedelta(hours=1), by=None)
    freeze(approved)
    pause(approved, by=None, reason="A question")
    november.move_to(NOW + timedelta(hours=2))
    resume(approved, by=None)
    assert start_due() == []
    assert Mailing.objects.get().state == Mailing.State.FROZEN
