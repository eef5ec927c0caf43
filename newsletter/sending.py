"""Sending: claim a batch, mark a group, hand it over, record it; until nothing is left.

The order is the promise (ADR 5): `sending` is committed before the network is touched, no lock is held across it,
and results are written in groups of at most 50, so a killed worker leaves at most that many in doubt.
"""

import math
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.utils import timezone
from wagtail.log_actions import log

from newsletter import ledger
from newsletter.compiling import IssueError
from newsletter.freezing import freeze
from newsletter.models import Delivery, Issue, Mailing
from newsletter.providers import get_transport
from newsletter.recovery import recover_issue
from newsletter.skeletons import Message, Variant, Workshop
from newsletter.transports.base import Outcome, Result, Transport, TransportUnavailable

BATCH = 500  # rows claimed at a time
GROUP = 50  # rows in doubt at most when a worker is killed
LEASE_USED = 0.7  # of the lease may pass before a slow group is cut short, so that it cannot run out underneath
RETRY_AFTER = (60, 300, 900, 3600)  # seconds to wait after the first, second, … failed attempt

DISARMED = "Sending is disarmed on this installation: set SENDING_ARMED=true once you have checked it."

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Sent:
    """What one drain did: rows finished by it, whether work is left, and why it stopped early (if it did)."""

    finished: int
    left: bool
    trouble: str = ""


def start(issue: Issue, transport: Transport | None = None) -> Mailing:
    """Freeze the issue if that has not happened, and open it for sending.

    Raises IssueError (not armed, not approved, cancelled or paused) or TransportUnavailable, before anything is
    changed. An issue that is being sent, or has been, is left as it is.
    """
    if not settings.SENDING_ARMED:
        raise IssueError(DISARMED)
    mailing = issue.get_mailing()
    if mailing and mailing.state in {Mailing.State.PAUSED, Mailing.State.CANCELLED}:
        raise IssueError(f"The sending of {issue.period} is {mailing.state}: resume it before sending.")
    if not mailing or mailing.state != Mailing.State.FINISHED:
        own = transport or get_transport()
        own.check()
        if not transport:
            own.close()
    mailing = freeze(issue)
    started = Mailing.objects.filter(pk=issue.pk, state=Mailing.State.FROZEN).update(
        state=Mailing.State.SENDING, started_at=timezone.now()
    )
    if started:
        log(issue, "newsletter.send")
    mailing.refresh_from_db()
    return mailing


def drain(
    issue: Issue,
    *,
    transport: Transport | None = None,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> Sent:
    """Send what can be claimed now, until nothing is left, `seconds` are over, or the transport is out of reach.

    Several processes may drain one issue at once. Rows held by others are left to them.
    """
    if not settings.SENDING_ARMED:
        return Sent(0, left=True, trouble=DISARMED)
    own = transport or get_transport()
    workshop = Workshop(issue)
    until = time.monotonic() + seconds if seconds else math.inf
    finished = 0
    try:
        while time.monotonic() < until:
            ledger.wake(issue=issue.pk)
            batch = Batch(issue.pk, workshop, own, until)
            done = batch.send(progress)
            finished += done
            if not batch.rows:
                break
            if batch.trouble or not is_open(issue.pk):
                return Sent(finished, left=True, trouble=batch.trouble)
    finally:
        if not transport:
            own.close()
    ledger.finish_mailing(issue=issue.pk)
    return Sent(finished, left=Delivery.objects.filter(issue=issue).unfinished().exists())


def drain_to_the_end(issue: Issue, *, transport: Transport | None = None, progress: Progress | None = None) -> Sent:
    """Drain, and wait for what others hold or what waits to be retried, until the mailing is finished.

    Ends early when the transport is out of reach (nothing is lost: call it again) or the mailing is paused.
    """
    finished = 0
    while True:
        sent = drain(issue, transport=transport, progress=progress)
        finished += sent.finished
        mailing = Mailing.objects.get(pk=issue.pk)
        if sent.trouble or not sent.left or mailing.state != Mailing.State.SENDING:
            return replace(sent, finished=finished)
        time.sleep(1)
        recover_issue(issue.pk)


def is_open(issue: int) -> bool:
    """Whether the issue may be sent right now (not paused, not cancelled, not finished)."""
    return Mailing.objects.filter(pk=issue, state=Mailing.State.SENDING).exists()


class Batch:
    """The rows of one claim, under one attempt id."""

    def __init__(self, issue: int, workshop: Workshop, transport: Transport, until: float) -> None:
        self.issue, self.workshop, self.transport, self.until = issue, workshop, transport, until
        self.attempt = uuid.uuid4()
        self.rows = ledger.claim(issue=issue, attempt=self.attempt, limit=BATCH) if is_open(issue) else []
        self.trouble = ""

    def send(self, progress: Progress | None = None) -> int:
        """Send every row; return how many reached the end of this attempt (sent, skipped, failed, waiting, unknown)."""
        done = begun = 0
        try:
            for group in _groups(self.rows, GROUP):
                marked = ledger.mark_sending(issue=self.issue, attempt=self.attempt, rows=group)
                begun += len(marked.ready) + marked.skipped
                ended = marked.skipped + self._hand_over(marked.ready)
                done += ended
                if progress:
                    progress(ended)
                if self.trouble or ended < len(group) or time.monotonic() > self.until:
                    break
        finally:
            if begun < len(self.rows):
                # Out of reach, paused, the lease is over, or we are being stopped: whatever is still ours goes back.
                ledger.release(attempt=self.attempt, deliveries=[row.delivery for row in self.rows])
        return done

    def _hand_over(self, ready: Sequence[ledger.Ready]) -> int:
        """Hand the group over and record what happened to each, however it ends.

        Messages go out one after another, each when its outcome is asked for: whatever stands behind the one in
        flight was not begun, and goes back.
        """
        outcomes: list[Outcome] = []
        begun = 0  # how many may have been handed over
        until = min(self.until, time.monotonic() + settings.SEND_LEASE_SECONDS * LEASE_USED)
        try:
            messages = [self._message(row) for row in ready]
            begun = min(1, len(ready))
            for outcome in self.transport.send(messages):
                outcomes.append(outcome)
                begun = len(outcomes)
                _keep_rate()
                if time.monotonic() > until:
                    break
                begun = min(begun + 1, len(ready))
        except TransportUnavailable as error:
            self.trouble = str(error)
            begun = len(outcomes)  # it is raised only before the first byte of a message
        finally:
            self._record(outcomes)  # first: what is known must not be lost to a fault in giving the rest back
            self._take_back(ready[begun:])
        return len(outcomes)

    def _take_back(self, rows: Sequence[ledger.Ready]) -> None:
        if rows:
            ledger.take_back(attempt=self.attempt, deliveries=[row.delivery for row in rows])

    def _message(self, row: ledger.Ready) -> Message:
        skeleton = self.workshop.skeleton(row.edition, Variant(clicks=row.track_clicks, opens=row.track_opens))
        return skeleton.message(delivery=row.delivery, address=row.address, first_name=row.first_name, token=row.token)

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        """One statement per kind of outcome; normally that is one."""
        retried = self._attempts([one.delivery for one in outcomes if one.result == Result.RETRY])
        kinds: dict[tuple[str, str, float | None], list[tuple[int, str]]] = defaultdict(list)
        for one in outcomes:
            state, reason, wait = one.result.value, one.reason, None
            if one.result == Result.RETRY:
                tried = retried[one.delivery]
                if tried >= settings.SEND_MAX_ATTEMPTS:
                    state, reason = Result.FAILED.value, f"given up after {tried} attempts: {one.reason}"
                else:
                    wait = one.retry_after or RETRY_AFTER[min(tried, len(RETRY_AFTER)) - 1]
            kinds[(state, reason, wait)].append((one.delivery, one.message_id))
        for (state, reason, wait), rows in kinds.items():
            ledger.finish(
                attempt=self.attempt,
                state=state,
                rows=rows,
                reason=reason,
                next_attempt_at=timezone.now() + timedelta(seconds=wait) if wait else None,
            )

    def _attempts(self, deliveries: list[int]) -> dict[int, int]:
        if not deliveries:
            return {}
        return dict(Delivery.objects.filter(pk__in=deliveries).values_list("pk", "attempts"))


def _groups(rows: Sequence[ledger.Claimed], size: int) -> Iterator[list[ledger.Claimed]]:
    remaining = iter(rows)
    while group := list(islice(remaining, size)):
        yield group


def _keep_rate() -> None:
    """Wait so that this process hands over at most SEND_RATE_PER_SECOND messages a second (0 = no limit)."""
    if settings.SEND_RATE_PER_SECOND:
        time.sleep(1 / settings.SEND_RATE_PER_SECOND)
