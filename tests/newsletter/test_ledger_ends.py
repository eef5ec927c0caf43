"""How rows of the ledger end, and how they are found again when a worker stopped."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from newsletter import ledger
from newsletter.models import Delivery, Edition, Mailing
from tests import factories
from tests.newsletter.fakes import end_waits, expire_leases, open_mailing, set_mailing
from tests.newsletter.moves import A, B, State, claim, finish, mark, rows


@pytest.fixture
def people(db):
    return [factories.subscription(f"person-{place}@example.org", first_name=f"P{place}") for place in range(5)]


@pytest.fixture
def issue(people):
    return open_mailing(people)


class TestFinish:
    def test_records_the_end(self, issue):
        marked = mark(issue, limit=1)
        assert ledger.finish(attempt=A, state=State.SENT, rows=[(marked.ready[0].delivery, "their-id")]) == 1
        row = rows(issue)[0]
        assert (row.state, row.message_id, row.lease_until) == (State.SENT, "their-id", None)
        assert row.finished_at

    def test_wrong_attempt_changes_nothing(self, issue):
        marked = mark(issue)
        assert finish(marked, attempt=B) == 0
        assert factories.states(issue) == {"sending": 5}

    def test_worker_that_revives_brings_the_proof(self, issue):
        marked = mark(issue)
        expire_leases(issue)
        assert ledger.reap_sending(issue=issue.pk) == 5
        assert finish(marked) == 5
        assert factories.states(issue) == {"sent": 5}

    def test_what_has_ended_stays_as_it_is(self, issue):
        marked = mark(issue)
        finish(marked)
        assert finish(marked, state=State.FAILED, reason="too late") == 0
        assert factories.states(issue) == {"sent": 5}

    def test_claimed_rows_cannot_be_finished(self, issue):
        claimed = claim(issue)
        assert ledger.finish(attempt=A, state=State.SENT, rows=[(row.delivery, "") for row in claimed]) == 0

    def test_nothing_to_record_is_no_error(self, issue):
        assert ledger.finish(attempt=A, state=State.SENT, rows=[]) == 0

    def test_long_reasons_are_cut(self, issue):
        finish(mark(issue), state=State.FAILED, reason="x" * 500)
        assert len(rows(issue)[0].reason) == 200

    def test_late_refusal_does_not_hang_in_a_finished_mailing(self, issue):
        """A worker revives after everything else was closed, and brings a refusal that may be tried again."""
        marked = mark(issue)
        expire_leases(issue)
        ledger.reap_sending(issue=issue.pk)
        assert ledger.finish_mailing(issue=issue.pk)
        finish(marked, state=State.RETRY_WAIT, reason="429", next_attempt_at=timezone.now())
        end_waits(issue)
        still_open = Mailing.objects.get(issue=issue).state == Mailing.State.SENDING
        assert still_open or not Delivery.objects.filter(issue=issue).unfinished().exists()

    def test_refusal_that_changes_nothing_leaves_a_finished_mailing_closed(self, issue):
        """A worker whose rows are no longer its own must not make an issue that was sent look unsent again."""
        marked = mark(issue)
        finish(marked)
        assert ledger.finish_mailing(issue=issue.pk)
        for attempt in (A, B):
            late = finish(marked, attempt, State.RETRY_WAIT, reason="429", next_attempt_at=timezone.now())
            assert late == 0
        assert Mailing.objects.get(issue=issue).state == Mailing.State.FINISHED


class TestWaiting:
    def test_wakes_when_its_time_has_come_and_not_before(self, issue):
        later = timezone.now() + timedelta(hours=1)
        finish(mark(issue), state=State.RETRY_WAIT, reason="429", next_attempt_at=later)
        row = rows(issue)[0]
        assert (row.state, row.next_attempt_at, row.finished_at) == (State.RETRY_WAIT, later, None)
        assert ledger.wake(issue=issue.pk) == 0
        end_waits(issue)
        assert ledger.wake(issue=issue.pk) == 5
        assert factories.states(issue) == {"pending": 5}

    def test_counts_every_attempt(self, issue):
        for attempt in (A, B):
            finish(mark(issue, attempt), attempt, State.RETRY_WAIT, reason="429", next_attempt_at=timezone.now())
            end_waits(issue)
            ledger.wake(issue=issue.pk)
        assert rows(issue)[0].attempts == 2


class TestGivingBack:
    def test_release_gives_back_what_was_not_begun(self, issue):
        claimed = [row.delivery for row in claim(issue)]
        assert ledger.release(attempt=B, deliveries=claimed) == 0
        assert ledger.release(attempt=A, deliveries=claimed[:3]) == 3
        assert factories.states(issue) == {"pending": 3, "claimed": 2}
        assert rows(issue)[0].attempt is None

    def test_release_never_takes_what_is_being_handed_over(self, issue):
        marked = mark(issue)
        assert ledger.release(attempt=A, deliveries=[row.delivery for row in marked.ready]) == 0
        assert factories.states(issue) == {"sending": 5}

    def test_take_back_needs_the_attempt(self, issue):
        sending = [row.delivery for row in mark(issue).ready]
        assert ledger.take_back(attempt=B, deliveries=sending) == 0
        assert ledger.take_back(attempt=A, deliveries=sending) == 5
        assert factories.states(issue) == {"pending": 5}

    def test_take_back_does_not_touch_what_has_ended(self, issue):
        marked = mark(issue)
        finish(marked)
        assert ledger.take_back(attempt=A, deliveries=[row.delivery for row in marked.ready]) == 0

    def test_take_back_never_undoes_unknown(self, issue):
        marked = mark(issue)
        expire_leases(issue)
        ledger.reap_sending(issue=issue.pk)
        assert ledger.take_back(attempt=A, deliveries=[row.delivery for row in marked.ready]) == 0
        assert factories.states(issue) == {"unknown": 5}


class TestReaping:
    def test_running_leases_are_left_alone(self, issue):
        claim(issue, A, 2)
        mark(issue, B, 2)
        assert ledger.reap_claims(issue=issue.pk) == 0
        assert ledger.reap_sending(issue=issue.pk) == 0

    def test_stale_claims_are_pending_again(self, issue):
        claim(issue)
        expire_leases(issue)
        assert ledger.reap_claims(issue=issue.pk) == 5
        assert factories.states(issue) == {"pending": 5}

    def test_stale_sends_are_unknown_and_never_pending(self, issue):
        mark(issue)
        expire_leases(issue)
        assert ledger.reap_claims(issue=issue.pk) == 0
        assert ledger.reap_sending(issue=issue.pk) == 5
        end_waits(issue)
        ledger.wake(issue=issue.pk)
        ledger.reap_claims(issue=issue.pk)
        assert factories.states(issue) == {"unknown": 5}
        assert rows(issue)[0].reason


class TestSettling:
    def test_names_the_end_of_an_unknown_row(self, issue):
        mark(issue)
        expire_leases(issue)
        ledger.reap_sending(issue=issue.pk)
        row = rows(issue)[0]
        assert ledger.settle(delivery=row.pk, state=State.SENT, reason="provider reported delivered") == 1
        assert ledger.settle(delivery=row.pk, state=State.FAILED, reason="again") == 0
        assert (rows(issue)[0].state, rows(issue)[0].reason) == (State.SENT, "settled: provider reported delivered")

    @pytest.mark.parametrize("state", [state for state in State if state not in {State.UNKNOWN, State.SENDING}])
    def test_changes_nothing_but_unknown(self, issue, state):
        Delivery.objects.update(state=state, reason="test", attempt=A, lease_until=timezone.now())
        assert ledger.settle(delivery=rows(issue)[0].pk, state=State.FAILED, reason="no") == 0


class TestFinishMailing:
    @pytest.mark.parametrize("state", Delivery.UNFINISHED)
    def test_waits_for_the_last_row(self, issue, state):
        Delivery.objects.update(state=State.SENT)
        Delivery.objects.filter(pk=rows(issue)[-1].pk).update(state=state, attempt=A, lease_until=timezone.now())
        assert not ledger.finish_mailing(issue=issue.pk)
        assert Mailing.objects.get(issue=issue).state == Mailing.State.SENDING

    def test_closes_once(self, issue):
        Delivery.objects.update(state=State.SENT)
        assert ledger.finish_mailing(issue=issue.pk)
        assert not ledger.finish_mailing(issue=issue.pk)
        mailing = Mailing.objects.get(issue=issue)
        assert mailing.state == Mailing.State.FINISHED
        assert mailing.finished_at

    @pytest.mark.parametrize("state", ["frozen", "paused", "cancelled"])
    def test_closes_only_what_is_being_sent(self, issue, state):
        Delivery.objects.update(state=State.SENT)
        set_mailing(issue, state)
        assert not ledger.finish_mailing(issue=issue.pk)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "lost"},
        {"state": "claimed"},
        {"state": "sending", "attempt": A},
        {"state": "skipped"},
        {"state": "failed"},
        {"state": "unknown"},
        {"state": "sent", "edition": None},
    ],
)
def test_the_database_refuses_rows_that_say_nothing(issue, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(issue=issue).update(**wrong)


def test_the_database_refuses_a_second_delivery_of_an_issue(issue, people):
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.create(issue=issue, edition=Edition.objects.get(), member=people[0].member)


def test_every_move_of_a_batch_is_one_statement(issue, django_assert_num_queries):
    with django_assert_num_queries(1):
        claimed = claim(issue)
    with django_assert_num_queries(1):
        marked = ledger.mark_sending(issue=issue.pk, attempt=A, rows=claimed)
    with django_assert_num_queries(1):
        finish(marked)
