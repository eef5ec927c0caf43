"""Whatever workers, clocks, members and providers do, in any order: nobody gets it twice, and the ledger adds up."""

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from membership import services
from membership.models import ConsentRecord, Subscription
from newsletter import ledger
from newsletter.certificate import certify
from newsletter.models import Delivery, Issue, Mailing
from newsletter.recovery import recover_issue
from tests import factories
from tests.newsletter.fakes import end_waits, expire_leases, open_mailing, set_mailing

State = Delivery.State
PEOPLE = 3
FINAL = {State.SENT, State.FAILED, State.SKIPPED, State.UNKNOWN}
# What a worker is told, and whether the other side took the message all the same.
ANSWERS = [
    (State.SENT, True),
    (State.SENT, True),
    (State.RETRY_WAIT, False),
    (State.FAILED, False),
    (State.UNKNOWN, True),
    (State.UNKNOWN, False),
]


@dataclass
class Worker:
    """What one process remembers, and a crash forgets."""

    attempt: uuid.UUID
    claimed: list[ledger.Claimed]
    ready: list[ledger.Ready] = field(default_factory=list)
    outcomes: list[tuple[int, str]] = field(default_factory=list)


class LedgerMachine(RuleBasedStateMachine):
    """Workers stop, revive and race at every boundary. Nothing is handed over but what `mark_sending` returned."""

    issue: ClassVar[Issue]
    people: ClassVar[list[Subscription]]

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()
        self.workers: list[Worker] = []
        self.accepted: Counter[int] = Counter()
        self.left: set[str] = set()
        self.number = 0

    def worker(self, data: Any, which: Any) -> Worker:
        return data.draw(st.sampled_from([worker for worker in self.workers if which(worker)]))

    def new_worker(self, limit: int) -> Worker:
        self.number += 1
        attempt = uuid.UUID(int=self.number)
        return Worker(attempt, ledger.claim(issue=self.issue.pk, attempt=attempt, limit=limit))

    def mark(self, worker: Worker, size: int) -> None:
        group, worker.claimed = worker.claimed[:size], worker.claimed[size:]
        if not group:
            return
        ready = ledger.mark_sending(issue=self.issue.pk, attempt=worker.attempt, rows=group).ready
        assert not {row.address for row in ready} & self.left, "somebody who has left would be mailed"
        worker.ready += ready

    def hand_over(self, worker: Worker, state: str, accepted: bool) -> None:
        delivery = worker.ready.pop(0).delivery
        if accepted:
            self.accepted[delivery] += 1
            assert self.accepted[delivery] == 1, f"delivery {delivery} was handed over twice"
        worker.outcomes.append((delivery, state))

    def record(self, worker: Worker) -> None:
        for delivery, state in worker.outcomes:
            wait = timezone.now() if state == State.RETRY_WAIT else None
            ledger.finish(
                attempt=worker.attempt, state=state, rows=[(delivery, "")], reason="said so", next_attempt_at=wait
            )
        worker.outcomes = []

    @rule(limit=st.integers(1, PEOPLE))
    def a_worker_claims(self, limit: int) -> None:
        self.workers.append(self.new_worker(limit))

    @rule(answers=st.lists(st.sampled_from(ANSWERS), min_size=PEOPLE, max_size=PEOPLE), silent=st.booleans())
    def a_worker_does_a_whole_batch(self, answers: list[tuple[str, bool]], silent: bool) -> None:
        worker = self.new_worker(PEOPLE)
        self.workers.append(worker)
        self.mark(worker, PEOPLE)
        for answer in answers[: len(worker.ready)]:
            self.hand_over(worker, *answer)
        if not silent:
            self.record(worker)

    @precondition(lambda self: any(worker.claimed for worker in self.workers))
    @rule(data=st.data(), size=st.integers(1, 3))
    def a_worker_marks(self, data: Any, size: int) -> None:
        self.mark(self.worker(data, lambda one: one.claimed), size)

    @precondition(lambda self: any(worker.ready for worker in self.workers))
    @rule(data=st.data(), answer=st.sampled_from(ANSWERS))
    def a_worker_hands_over(self, data: Any, answer: tuple[str, bool]) -> None:
        self.hand_over(self.worker(data, lambda one: one.ready), *answer)

    @precondition(lambda self: any(worker.outcomes for worker in self.workers))
    @rule(data=st.data())
    def a_worker_records(self, data: Any) -> None:
        self.record(self.worker(data, lambda one: one.outcomes))

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def a_worker_dies(self, data: Any) -> None:
        self.workers.remove(self.worker(data, lambda one: True))

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def a_worker_finds_the_transport_out_of_reach(self, data: Any) -> None:
        worker = self.worker(data, lambda one: True)
        ledger.take_back(attempt=worker.attempt, deliveries=[row.delivery for row in worker.ready])
        self.record(worker)
        ledger.release(attempt=worker.attempt, deliveries=[row.delivery for row in worker.claimed])
        self.workers.remove(worker)

    @rule()
    def everybody_is_silent_for_too_long(self) -> None:
        expire_leases(self.issue)

    @rule()
    def waiting_is_over(self) -> None:
        end_waits(self.issue)
        ledger.wake(issue=self.issue.pk)

    @rule(stale=st.booleans())
    def recovery_sweeps(self, stale: bool) -> None:
        if stale:
            expire_leases(self.issue)
        recover_issue(self.issue.pk)

    @rule(
        state=st.sampled_from(
            [(Mailing.State.SENDING, Mailing.State.PAUSED), (Mailing.State.PAUSED, Mailing.State.SENDING)]
        )
    )
    def an_editor_pauses_or_resumes(self, state: tuple[str, str]) -> None:
        Mailing.objects.filter(issue=self.issue, state=state[0]).update(state=state[1])

    @rule(place=st.integers(0, PEOPLE - 1))
    def somebody_leaves(self, place: int) -> None:
        person = self.people[place]
        services.unsubscribe(subscription=person, channel=ConsentRecord.Channel.ONE_CLICK)
        self.left.add(person.member.user.email)

    @rule(place=st.integers(0, PEOPLE - 1))
    def the_provider_reports(self, place: int) -> None:
        """Providers tell the truth: what they took was sent, what they refused was not."""
        delivery = self.deliveries().values_list("pk", flat=True)[place]
        held = any(row.delivery == delivery for worker in self.workers for row in worker.ready)
        if not held:  # what a silent worker still holds may yet go out
            state = State.SENT if self.accepted[delivery] else State.FAILED
            ledger.settle(delivery=delivery, state=state, reason="provider reported it")

    def deliveries(self) -> Any:
        return Delivery.objects.filter(issue=self.issue).order_by("pk")

    @invariant()
    def what_was_taken_can_never_be_claimed_again(self) -> None:
        states = dict(self.deliveries().values_list("pk", "state"))
        assert len(states) == PEOPLE
        assert not [pk for pk in self.accepted if states[pk] in {"pending", "claimed", "retry_wait"}]

    def teardown(self) -> None:
        try:
            self.everything_comes_to_its_end()
        finally:
            transaction.set_rollback(True)
            self.sandbox.__exit__(None, None, None)

    def everything_comes_to_its_end(self) -> None:
        """The service comes back to life: recovery, one good worker, and a provider that takes everything."""
        self.workers = []
        if Mailing.objects.filter(issue=self.issue, state=Mailing.State.PAUSED).exists():
            set_mailing(self.issue, Mailing.State.SENDING)
        for _ in range(3):
            expire_leases(self.issue)
            end_waits(self.issue)
            recover_issue(self.issue.pk)
            worker = self.new_worker(PEOPLE)
            self.mark(worker, PEOPLE)
            while worker.ready:
                self.hand_over(worker, State.SENT, True)
            self.record(worker)
        recover_issue(self.issue.pk)
        assert certify(self.issue).balanced
        ends = dict(self.deliveries().values_list("pk", "state"))
        assert set(ends.values()) <= FINAL, ends
        assert all(ends[pk] in {State.SENT, State.UNKNOWN} for pk in self.accepted)
        assert all(self.accepted[pk] for pk, state in ends.items() if state == State.SENT)
        assert Mailing.objects.get(issue=self.issue).state == Mailing.State.FINISHED


@pytest.mark.django_db
def test_any_interleaving_keeps_the_promise():
    LedgerMachine.people = [factories.subscription() for _ in range(PEOPLE)]
    LedgerMachine.issue = open_mailing(LedgerMachine.people)
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=80 if connection.vendor == "postgresql" else 30,  # all of them where locks are real
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
