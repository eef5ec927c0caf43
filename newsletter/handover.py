"""Handing a group over and recording what became of each, however it ends.

The order is the promise (ADR 5): rows are `sending` in the database before the network is touched, no lock is held
across it, and results are written in groups of at most 50, so a killed worker leaves at most that many in doubt.
"""

import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from newsletter import ledger
from newsletter.models import Delivery
from newsletter.skeletons import Message, Variant, Workshop
from newsletter.transports.base import Outcome, Result, Transport, TransportUnavailable

logger = logging.getLogger(__name__)

RETRY_AFTER = (60, 300, 900, 3600)  # seconds to wait after the first, second, … failed attempt
REPEATED = f"{ledger.SETTLED}repeated under its idempotency key"
STILL = "repeated, and still not known"
DATABASE_AWAY = 30  # seconds a result in hand waits for a database that is being restarted


class Handover:
    """One group of rows that are `sending` under this attempt.

    `enough` is asked before each message and says whether to begin no more; `note` is told each outcome as it comes.
    Afterwards `outcomes` holds what became of those begun, and `trouble` why the transport could not go on.
    """

    def __init__(
        self,
        *,
        attempt: uuid.UUID,
        transport: Transport,
        workshop: Workshop,
        enough: Callable[[], bool],
        note: Callable[[Outcome], None],
    ) -> None:
        self.attempt, self.transport, self.workshop, self.enough, self.note = attempt, transport, workshop, enough, note
        self.outcomes: list[Outcome] = []
        self.trouble = ""
        self.untouched: set[int] = set()
        self.under_way: set[int] = set()

    def send(self, ready: Sequence[ledger.Ready]) -> int:
        """Hand over and record; what was not begun goes back to pending. Returns how many ended."""
        try:
            self._exchange(ready)
        finally:
            # First what is known: it must not be lost to a fault in giving the rest back.
            patiently(lambda: self._record(self.outcomes))
            patiently(self._take_back)
        return len(self.outcomes)

    def repeat(self, ready: Sequence[ledger.Ready]) -> int:
        """Hand unknown rows over once more under their idempotency key (ADR 5). Only an acceptance settles one: a
        refusal speaks of this call, not of the first. Returns how many were settled."""
        try:
            self._exchange(ready)
        finally:
            settled = [replace(one, reason=REPEATED) for one in self.outcomes if one.result == Result.SENT]
            known = {one.delivery for one in settled}
            still = [(row.delivery, "") for row in ready if row.delivery not in known]
            patiently(lambda: self._record(settled))
            patiently(lambda: ledger.finish(attempt=self.attempt, state=Result.UNKNOWN, rows=still, reason=STILL))
        return len(settled)

    def _exchange(self, ready: Sequence[ledger.Ready]) -> None:
        self.untouched = {row.delivery for row in ready}
        messages = [self._message(row) for row in ready]
        try:
            for outcome in self.transport.send(self._feed(messages)):
                self.under_way.discard(outcome.delivery)
                self.outcomes.append(outcome)
                self.note(outcome)
        except TransportUnavailable as error:
            self.trouble = str(error)
            self.untouched |= self.under_way  # it is raised only when nothing of them was accepted

    def _feed(self, messages: Sequence[Message]) -> Iterator[Message]:
        for message in messages:
            if self.enough():
                return
            self.untouched.discard(message.delivery)
            self.under_way.add(message.delivery)
            yield message

    def _message(self, row: ledger.Ready) -> Message:
        skeleton = self.workshop.skeleton(row.edition, Variant(clicks=row.track_clicks, opens=row.track_opens))
        return skeleton.message(delivery=row.delivery, address=row.address, first_name=row.first_name, token=row.token)

    def _take_back(self) -> None:
        if self.untouched:
            ledger.take_back(attempt=self.attempt, deliveries=sorted(self.untouched))

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        """One statement per kind of outcome; normally that is one."""
        tried = self._attempts([one.delivery for one in outcomes if one.result == Result.RETRY and not one.throttled])
        kinds: dict[tuple[str, str, float | None, bool], list[tuple[int, str]]] = defaultdict(list)
        for one in outcomes:
            state, reason, wait = one.result.value, one.reason, None
            if one.result == Result.RETRY:
                attempts = tried.get(one.delivery, 1)
                if attempts >= settings.SEND_MAX_ATTEMPTS:
                    state, reason = Result.FAILED.value, f"given up after {attempts} attempts: {one.reason}"
                else:
                    wait = one.retry_after or RETRY_AFTER[min(attempts, len(RETRY_AFTER)) - 1]
            kinds[(state, reason, wait, not one.throttled)].append((one.delivery, one.message_id))
        for (state, reason, wait, counts), rows in kinds.items():
            ledger.finish(
                attempt=self.attempt,
                state=state,
                rows=rows,
                reason=reason,
                next_attempt_at=timezone.now() + timedelta(seconds=wait) if wait else None,
                counts=counts,
            )

    def _attempts(self, deliveries: list[int]) -> dict[int, int]:
        if not deliveries:
            return {}
        return dict(Delivery.objects.filter(pk__in=deliveries).values_list("pk", "attempts"))


def patiently(write: Callable[[], object]) -> None:
    """Write, waiting for a database that is being restarted: what was sent must not be forgotten over it.

    `write` may be run twice. Raises OperationalError or InterfaceError when the database stays away.
    """
    until = time.monotonic() + DATABASE_AWAY
    while True:
        try:
            write()
        except (OperationalError, InterfaceError):
            if time.monotonic() > until or transaction.get_connection().in_atomic_block:
                raise
            logger.warning("the database is away: results in hand are kept until it is back")
            connection.close()
            time.sleep(0.5)
        else:
            return
