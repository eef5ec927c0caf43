"""What recovery, provider events and operators may do to rows: each conditional, each may be run twice."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils import timezone

from membership.models import Member
from newsletter.ledger.recording import SETTLED
from newsletter.models import Delivery, Mailing

State = Delivery.State
CANCELLED_AT_ONCE = 10_000  # rows in one statement


def wake(*, issue: int) -> int:
    """Make rows pending again whose waiting time is over."""
    return Delivery.objects.filter(issue=issue, state=State.RETRY_WAIT, next_attempt_at__lte=timezone.now()).update(
        state=State.PENDING, attempt=None
    )


def next_turn(*, issue: int) -> datetime | None:
    """When the next waiting row's time comes; None when none waits."""
    waiting = Delivery.objects.filter(issue=issue, state=State.RETRY_WAIT)
    return waiting.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()


def reap_claims(*, issue: int) -> int:
    """Give back rows whose worker stopped before handing anything over."""
    return Delivery.objects.filter(issue=issue, state=State.CLAIMED, lease_until__lt=timezone.now()).update(
        state=State.PENDING, attempt=None, lease_until=None
    )


def reap_sending(*, issue: int) -> int:
    """Call rows unknown whose worker stopped while handing over. They never go back to pending by themselves."""
    return Delivery.objects.filter(issue=issue, state=State.SENDING, lease_until__lt=timezone.now()).update(
        state=State.UNKNOWN, reason="worker stopped while handing it over", finished_at=timezone.now()
    )


def settle(*, delivery: int, state: str, reason: str) -> int:
    """Name the end of an unknown row on the strength of a proof (a provider event)."""
    return settle_many(deliveries=[delivery], state=state, reason=reason)


def settle_many(*, deliveries: Sequence[int], state: str, reason: str) -> int:
    """The same for many rows with the same proof."""
    return Delivery.objects.filter(pk__in=deliveries, state=State.UNKNOWN).update(
        state=state, reason=f"{SETTLED}{reason}"[:200], finished_at=timezone.now()
    )


def treat_as_sent(*, deliveries: Sequence[int], reason: str) -> int:
    """Call unknown rows sent, by an operator's audited decision (`deciding.py`) and never otherwise."""
    return Delivery.objects.filter(pk__in=deliveries, state=State.UNKNOWN).update(
        state=State.SENT, reason=f"decided: {reason}"[:200], finished_at=timezone.now()
    )


def finish_mailing(*, issue: int) -> bool:
    """Close the mailing when nothing is left to do. Returns whether this call closed it."""
    if Delivery.objects.filter(issue=issue).unfinished().exists():
        return False
    open_mailing = Mailing.objects.filter(issue=issue, state=Mailing.State.SENDING)
    if not open_mailing.update(state=Mailing.State.FINISHED, finished_at=timezone.now()):
        return False
    # Whoever was erased at the very moment of the freeze: their number stood in a row that nobody could see yet.
    people = Member.objects.filter(pk=OuterRef("member_id"))
    Delivery.objects.filter(~Exists(people), issue=issue, member__isnull=False).update(member=None)
    return True


def cancel(*, issue: int) -> int:
    """End every delivery of a cancelled mailing that has not been begun, in batches. Returns how many.

    Does nothing unless the mailing is cancelled. To be called again later: rows that were in a worker's hands may come
    back as pending.
    """
    cancelled = Mailing.objects.filter(issue=issue, state=Mailing.State.CANCELLED)
    if not cancelled.exists():
        return 0
    waiting = Delivery.objects.filter(issue=issue, state__in=[State.PENDING, State.RETRY_WAIT])
    ended = 0
    while some := waiting.filter(pk__in=waiting.order_by("pk").values("pk")[:CANCELLED_AT_ONCE]).update(
        state=State.SKIPPED,
        reason="cancelled",
        attempt=None,
        lease_until=None,
        next_attempt_at=None,
        finished_at=timezone.now(),
    ):
        ended += some
    return ended


def send_again(*, issue: int, deliveries: Sequence[int]) -> int:
    """Make unknown rows pending again, by an operator's audited decision (`deciding.py`) and never otherwise.

    The attempt is cleared, so that the worker that once held them, should it revive, has no say any more.
    """
    rows = Delivery.objects.filter(issue=issue, pk__in=deliveries, state=State.UNKNOWN)
    return rows.update(
        state=State.PENDING, reason="", attempt=None, lease_until=None, next_attempt_at=None, finished_at=None
    )
