"""Sending: everybody entitled gets it once, and every outcome is recorded."""

import uuid
from contextlib import suppress
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms import arming
from newsletter import draining, flow, ledger
from newsletter.certificate import certify
from newsletter.compiling import IssueError
from newsletter.models import Delivery, Edition, Mailing
from newsletter.sending import drain, drain_to_the_end, start
from newsletter.tasks import SLICE
from newsletter.transports.base import Outcome, Result, TransportUnavailable
from tests import factories
from tests.newsletter import fakes
from tests.newsletter.fakes import (
    RecordingTransport,
    accept,
    always,
    crowd_of,
    never_twice,
    open_mailing,
    set_mailing,
)

State = Delivery.State


class TestStart:
    def test_freezes_and_opens(self, issue, members):
        mailing = start(issue, RecordingTransport())
        assert (mailing.state, mailing.frozen) == (Mailing.State.SENDING, 6)
        assert mailing.started_at

    def test_disarmed_installation_refuses_before_anything_is_frozen(self, issue, members, settings):
        settings.SENDING_ARMED = False
        with pytest.raises(IssueError, match="SENDING_ARMED"):
            start(issue, RecordingTransport())
        assert issue.get_mailing() is None

    def test_unapproved_issue_is_refused(self, members):
        issue = factories.issue(pages=[factories.entry()])
        with pytest.raises(IssueError, match="not approved"):
            start(issue, RecordingTransport())
        assert Delivery.objects.count() == 0

    def test_transport_out_of_reach_freezes_nothing(self, issue, members):
        with pytest.raises(TransportUnavailable, match="nobody answers"):
            start(issue, RecordingTransport(down="nobody answers"))
        assert issue.get_mailing() is None
        assert Edition.objects.count() == 0

    @pytest.mark.parametrize("state", ["paused", "cancelled"])
    def test_stopped_mailing_is_not_reopened(self, members, state):
        issue = open_mailing(members, state=state)
        with pytest.raises(IssueError, match=state):
            start(issue, RecordingTransport())
        assert Mailing.objects.get(issue=issue).state == state

    @pytest.mark.parametrize("state", ["sending", "finished"])
    def test_mailing_on_its_way_is_left_as_it_is(self, members, state):
        issue = open_mailing(members, state=state)
        before = Mailing.objects.get(issue=issue)
        assert start(issue, RecordingTransport()).state == state
        assert Mailing.objects.get(issue=issue).started_at == before.started_at


class TestDrain:
    def test_sends_to_everybody_entitled(self, issue, members):
        transport = RecordingTransport()
        start(issue, transport)
        sent = drain(issue, transport=transport)
        assert (sent.finished, sent.left, sent.trouble) == (4, False, "")
        assert sorted(name.partition("@")[0] for name in transport.recipients) == ["ada", "bea", "cal", "dot"]
        assert factories.states(issue) == {"sent": 4, "skipped": 2}
        assert issue.get_mailing().state == Mailing.State.FINISHED
        assert certify(issue).proved
        assert Delivery.objects.filter(state="sent", message_id="").count() == 0

    def test_hands_over_in_groups_of_fifty_at_most(self, crowd):
        transport = RecordingTransport()
        drain(crowd, transport=transport)
        assert transport.calls == [50, 50, 20]

    def test_row_is_sending_in_the_database_before_the_network_is_touched(self, crowd):
        seen = []

        def look(message):
            seen.append(Delivery.objects.get(pk=message.delivery).state)
            return accept(message)

        drain(crowd, transport=RecordingTransport(look))
        assert seen == ["sending"] * 120

    def test_again_sends_nobody_anything(self, crowd):
        transport = RecordingTransport()
        drain(crowd, transport=transport)
        again = drain(crowd, transport=transport)
        start(crowd, transport)
        drain_to_the_end(crowd, transport=transport)
        assert (again.finished, again.left) == (0, False)
        assert len(transport.recipients) == 120
        assert never_twice(transport)

    def test_nothing_to_do(self, db):
        issue = open_mailing([])
        transport = RecordingTransport()
        assert drain(issue, transport=transport).left is False
        assert transport.calls == []
        assert Mailing.objects.get(issue=issue).state == Mailing.State.FINISHED

    @pytest.mark.parametrize("state", ["frozen", "paused", "cancelled", "finished"])
    def test_sends_only_what_is_open(self, crowd, state):
        set_mailing(crowd, state)
        transport = RecordingTransport()
        assert drain(crowd, transport=transport).left
        assert transport.calls == []
        assert Mailing.objects.get(issue=crowd).state == state

    def test_disarmed_copy_of_a_running_send_hands_nothing_over(self, crowd, settings):
        """A restored backup holds mailings that were being sent; its workers and scheduler start by themselves."""
        settings.SENDING_ARMED = False
        transport = RecordingTransport()
        with suppress(IssueError):
            drain(crowd, transport=transport)
        assert transport.calls == []
        assert factories.states(crowd) == {"pending": 120}

    def test_lets_only_its_own_connection_go(self, crowd, monkeypatch):
        ours, theirs = RecordingTransport(), RecordingTransport()
        monkeypatch.setattr("newsletter.sending.get_transport", lambda: ours)
        drain(crowd, transport=theirs)
        assert (ours.closed, theirs.closed) == (0, 0)
        drain(crowd)
        assert ours.closed == 1

    def test_two_processes_share_the_work(self, crowd, monkeypatch):
        monkeypatch.setattr(draining, "BATCH", 30)
        first, second = RecordingTransport(), RecordingTransport()

        def other_process_starts(message):
            if not second.calls:
                drain(crowd, transport=second)
            return accept(message)

        first.answer = other_process_starts
        drain(crowd, transport=first)
        assert (len(first.taken), len(second.taken)) == (30, 90)
        assert never_twice(first, second)
        assert factories.states(crowd) == {"sent": 120}

    def test_slow_provider_does_not_make_a_task_outlast_its_limit(self, crowd, monkeypatch, settings):
        """Celery kills a task after CELERY_TASK_TIME_LIMIT, and with it up to fifty people's certainty."""
        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr(draining, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=lambda seconds: None))

        def three_seconds_each(message):
            clock.now += 3
            return accept(message)

        transport = RecordingTransport(three_seconds_each)
        sent = drain(crowd, transport=transport, seconds=SLICE)
        assert clock.now < settings.CELERY_TASK_TIME_LIMIT
        assert sent.left
        drain(crowd, transport=transport)
        assert never_twice(transport)
        assert factories.states(crowd) == {"sent": 120}

    def test_reports_progress_for_every_row(self, crowd):
        steps = []
        drain(crowd, transport=RecordingTransport(), progress=steps.append)
        assert sum(steps) == 120


class TestOutcomes:
    def test_retry_waits_and_is_given_up_in_the_end(self, members, settings):
        settings.SEND_MAX_ATTEMPTS = 3
        issue = open_mailing(members[:1])
        refusing = RecordingTransport(always(Result.RETRY, "http-429"))
        waits = []
        for _ in range(2):
            drain(issue, transport=refusing)
            row = Delivery.objects.get()
            assert (row.state, row.reason) == (State.RETRY_WAIT, "http-429")
            waits.append(row.next_attempt_at)
            assert drain(issue, transport=refusing).finished == 0  # not before its time
            fakes.end_waits(issue)
        assert waits[0] < waits[1]
        drain(issue, transport=refusing)
        row = Delivery.objects.get()
        assert (row.state, row.attempts) == (State.FAILED, 3)
        assert "given up after 3 attempts" in row.reason
        assert refusing.calls == [1, 1, 1]
        assert issue.get_mailing().state == Mailing.State.FINISHED

    def test_retry_is_sent_when_its_time_has_come(self, crowd):
        first = RecordingTransport(fakes.after(100, always(Result.RETRY)))
        assert drain(crowd, transport=first).left
        fakes.end_waits(crowd)
        second = RecordingTransport()
        assert drain(crowd, transport=second).left is False
        assert len(second.taken) == 20
        assert never_twice(first, second)

    def test_the_provider_may_say_how_long_to_wait(self, members):
        issue = open_mailing(members[:2])
        answers = iter([7200.0, None])
        transport = RecordingTransport(
            lambda message: Outcome(message.delivery, Result.RETRY, "429", retry_after=next(answers))
        )
        drain(issue, transport=transport)
        patient, usual = Delivery.objects.order_by("pk")
        assert (patient.next_attempt_at - usual.next_attempt_at).total_seconds() > 6000

    @pytest.mark.parametrize("result", [Result.FAILED, Result.UNKNOWN])
    def test_final_outcomes_are_kept_and_never_tried_again(self, crowd, monkeypatch, result):
        monkeypatch.setattr(flow, "MOST_UNKNOWN", 1000)
        monkeypatch.setattr(flow, "MOST_FAILED", 1000)
        transport = RecordingTransport(always(result, "rcpt-550"))
        drain(crowd, transport=transport)
        drain_to_the_end(crowd, transport=transport)
        assert factories.states(crowd) == {result.value: 120}
        assert set(Delivery.objects.values_list("reason", flat=True)) == {"rcpt-550"}
        assert sum(transport.calls) == 120
        assert certify(crowd).balanced
        assert certify(crowd).proved == (result == Result.FAILED)

    def test_outcomes_of_one_group_may_differ(self, members):
        issue = open_mailing(members)
        kinds = iter([Result.SENT, Result.FAILED, Result.UNKNOWN, Result.RETRY])
        drain(issue, transport=RecordingTransport(lambda message: Outcome(message.delivery, next(kinds), "why")))
        assert factories.states(issue) == {"sent": 1, "failed": 1, "unknown": 1, "retry_wait": 1, "skipped": 2}


class TestCost:
    def statements(self, number: int, period: str) -> list[str]:
        people = crowd_of(number)
        issue = open_mailing(people, period=period)
        arming.examine()  # the first look at the database takes down which one it is
        with CaptureQueriesContext(connection) as captured:
            drain(issue, transport=RecordingTransport())
        assert factories.states(issue) == {"sent": number}
        return [query["sql"] for query in captured]

    def test_sixty_statements_a_thousand_recipients(self, db):
        """Beside what a drain costs once: its look around, the editions it meets, and the certificate at the end.

        PostgreSQL is also asked which database it is, and prepares the statements of the ledger.
        """
        few, many = self.statements(200, "2026-09"), self.statements(1200, "2026-10")
        assert len(many) - len(few) <= 60
        assert len(few) <= (56 if connection.vendor == "postgresql" else 52)

    def test_claiming_costs_the_same_for_any_number(self, crowd, django_assert_num_queries):
        for limit in (10, 100):
            with django_assert_num_queries(1):
                assert len(ledger.claim(issue=crowd.pk, attempt=uuid.uuid4(), limit=limit)) == limit
