"""One worker's way through an issue: claim a batch, mark a group, hand it over, record it; until nothing is left.

Several processes may drain one issue at once; rows held by others are left to them.
"""

import math
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Exists
from django.utils import timezone

from cms.models import Disarmed
from newsletter import ledger, stopping
from newsletter.certificate import issue_certificate
from newsletter.flow import SOON, Breaker, Flow
from newsletter.handover import Handover, patiently
from newsletter.models import Delivery, Issue, Mailing
from newsletter.repeating import window
from newsletter.skeletons import Altered, Workshop
from newsletter.steering import pause_for_trouble
from newsletter.transports.base import Outcome, Result, Transport

BATCH = 1000  # rows claimed at a time
GROUP = 50  # rows in doubt at most when a worker is killed
LEASE_USED = 0.7  # of the lease may pass before a slow group is cut short, so that it cannot run out underneath
LOOK_UP = 1.0  # seconds of work after which it is asked again whether the issue may still be sent
DUE_SOON = 10.0  # seconds that a drain waits for a row's next turn; others are found by the sweep every minute
WAITED_OUT = 60.0  # seconds; a longer hold is left to a later drain

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Sent:
    """What one drain did: rows finished by it, whether work is left, and why it stopped early (if it did)."""

    finished: int
    left: bool
    trouble: str = ""


def is_open(issue: int) -> bool:
    """Whether the issue may be sent right now (not paused, not cancelled, not finished, nothing disarmed)."""
    armed = ~Exists(Disarmed.objects.all())
    return Mailing.objects.filter(armed, pk=issue, state=Mailing.State.SENDING).exists()


class Drain:
    """Sends what can be claimed now, until nothing is left, the time is over, or something stands in the way.

    `patient` says that holds of a provider that was out of reach are kept: workers are, an operator at the console
    is not.
    """

    def __init__(
        self, issue: Issue, transport: Transport, *, progress: Progress | None, seconds: float | None, patient: bool
    ) -> None:
        self.issue, self.transport, self.progress, self.patient = issue, transport, progress, patient
        self.workshop = Workshop(issue)
        self.flow = Flow(transport.name)
        self.breaker = Breaker()
        self.until = time.monotonic() + seconds if seconds else math.inf
        self.attempt = uuid.uuid4()
        self.after = 0  # the greatest id claimed so far
        self.finished = 0
        self.trouble = ""
        self.open = True

    def run(self) -> Sent:
        try:
            emptied = self._send()
        except Altered as error:
            self._pause(str(error))
        else:
            if emptied and ledger.finish_mailing(issue=self.issue.pk):
                issue_certificate(self.issue)
        return Sent(
            self.finished, left=Delivery.objects.filter(issue=self.issue).unfinished().exists(), trouble=self.trouble
        )

    def _send(self) -> bool:
        """Send batch after batch. Returns whether nothing was left to claim."""
        self._repeat_unknown()
        while not self._is_over() and not self._is_held():
            ledger.wake(issue=self.issue.pk)
            if not self._batch() and not self._comes_due_soon():
                return not self.trouble
        return False

    def _comes_due_soon(self) -> bool:
        """Wait for rows that their domain's rate has put off for a moment only. Returns whether there were any."""
        due = ledger.next_turn(issue=self.issue.pk)
        wait = (due - timezone.now()).total_seconds() if due else math.inf
        return wait <= DUE_SOON and self._wait(max(0.0, wait))

    def _is_over(self) -> bool:
        return bool(self.trouble) or not self.open or stopping.asked() or time.monotonic() > self.until

    def _batch(self) -> bool:
        """Send the rows of one claim, under one attempt id. Returns whether there were any."""
        self.open = is_open(self.issue.pk)
        if not self.open:
            return True
        self.attempt = uuid.uuid4()
        limit = self.flow.claim_size(BATCH)
        rows = ledger.claim(issue=self.issue.pk, attempt=self.attempt, limit=limit, after=self.after)
        if not rows:
            # Some may have come back behind us: look once more from the start before calling it empty.
            again, self.after = self.after > 0, 0
            return again
        self.after = rows[-1].delivery
        complete = False
        try:
            groups = _groups(self._due(rows))
            complete = all(not self._is_over() and self._group(group) for group in groups)
        finally:
            if not complete:
                # Out of reach, paused, slowed down, the lease is over, or we are being stopped: what is ours goes back.
                patiently(lambda: ledger.release(attempt=self.attempt, deliveries=[row.delivery for row in rows]))
        return True

    def _due(self, rows: list[ledger.Claimed]) -> list[ledger.Claimed]:
        """Those of a claim that may go now; the others wait until their domain's rate lets them."""
        if not self.flow.domain_rates:
            return rows
        people = Delivery.objects.filter(pk__in=[row.delivery for row in rows])
        domains = {
            pk: (email or "").rpartition("@")[2] for pk, email in people.values_list("pk", "member__user__email")
        }
        slots = self.flow.slots([domains.get(row.delivery, "") for row in rows])
        now = timezone.now()
        later = [
            (row.delivery, now + timedelta(seconds=slot)) for row, slot in zip(rows, slots, strict=True) if slot > SOON
        ]
        ledger.put_off(attempt=self.attempt, slots=later)
        off = {pk for pk, _ in later}
        return [row for row in rows if row.delivery not in off]

    def _group(self, rows: list[ledger.Claimed]) -> bool:
        """Hand a group over, in as many portions as the rates make of it. Returns whether to go on with the batch."""
        while rows:
            grant = self.flow.grant(len(rows))
            if not grant.count:
                self.trouble = grant.reason
                return False
            if not self._wait(grant.wait):
                return False
            portion, rows = rows[: grant.count], rows[grant.count :]
            ready, skipped = self._mark(portion)
            handover = self._handover()
            ended = skipped + handover.send(ready)
            self.flow.give_back(grant, len(portion) - len(handover.outcomes))
            self._learn(handover)
            self.finished += ended
            if self.progress:
                self.progress(ended)
            if ended < len(portion) or self._is_over():
                self.open = is_open(self.issue.pk)
                return False
        return True

    def _mark(self, rows: list[ledger.Claimed]) -> tuple[list[ledger.Ready], int]:
        try:
            marked = ledger.mark_sending(
                issue=self.issue.pk, attempt=self.attempt, rows=rows, provider=self.transport.name
            )
        except (OperationalError, InterfaceError):
            # Whether they are marked or not, none was handed over.
            pks = [row.delivery for row in rows]
            patiently(lambda: ledger.take_back(attempt=self.attempt, deliveries=pks))
            raise
        return marked.ready, marked.skipped

    def _handover(self) -> Handover:
        """A group's hand-over, which begins no more messages once something says so."""
        began = looked = time.monotonic()
        until = began + settings.SEND_LEASE_SECONDS * LEASE_USED
        slower = False

        def enough() -> bool:
            nonlocal looked
            now = time.monotonic()
            if self._is_over() or slower or now > until:
                return True
            if now - looked > LOOK_UP:
                looked = now
                self.open = is_open(self.issue.pk)
            return not self.open

        def note(outcome: Outcome) -> None:
            nonlocal slower
            slower = slower or outcome.throttled
            # Ends the group; the pause, and its mail, come once everything under way has been recorded.
            self.trouble = self.trouble or self.breaker.note(outcome)

        return Handover(
            attempt=self.attempt, transport=self.transport, workshop=self.workshop, enough=enough, note=note
        )

    def _learn(self, handover: Handover) -> None:
        """Tell the flow how it went, so that every worker knows."""
        self.flow.succeeded(sum(one.result == Result.SENT for one in handover.outcomes))
        if self.trouble:  # the circuit breaker's
            self._pause(self.trouble)
        elif handover.trouble:
            self.trouble = handover.trouble
            if self.flow.unavailable():
                pause_for_trouble(self.issue, handover.trouble)
        elif throttled := [one.retry_after or 0.0 for one in handover.outcomes if one.throttled]:
            self.flow.throttled(max(throttled) or None)

    def _pause(self, reason: str) -> None:
        self.trouble = reason
        pause_for_trouble(self.issue, reason)

    def _is_held(self) -> bool:
        """Wait out a short hold; say why there is a long one."""
        hold = self.flow.look()
        if not hold or (self.flow.slowed.failures and not self.patient):
            return False
        if hold.wait > WAITED_OUT or self.flow.slowed.failures:
            self.trouble = hold.reason
            return True
        return not self._wait(hold.wait)

    def _wait(self, seconds: float) -> bool:
        """Wait, unless the time is over or somebody pauses the issue meanwhile. Returns whether to go on."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
            self.open = is_open(self.issue.pk)
            if self._is_over():
                return False
        return True

    def _repeat_unknown(self) -> None:
        """Repeat unknown deliveries where the provider still knows their key: it sends nothing twice (ADR 5)."""
        times = window(self.transport.name)
        while times and not self._is_over():
            self.attempt = uuid.uuid4()
            ready = ledger.mark_repeating(
                issue=self.issue.pk,
                attempt=self.attempt,
                provider=self.transport.name,
                handed_since=times.handed_since,
                ended_before=times.ended_before,
                limit=GROUP,
            )
            if not ready:
                return
            handover = self._handover()
            self.finished += handover.repeat(ready)
            self._learn(handover)


def _groups(rows: list[ledger.Claimed]) -> Iterator[list[ledger.Claimed]]:
    for start in range(0, len(rows), GROUP):
        yield rows[start : start + GROUP]
