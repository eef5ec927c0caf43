"""What recovery, provider events and operators may do to rows: each conditional, each may be run twice."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from membership.models import Member
from newsletter.ledger.recording import REPORTED, SETTLED
from newsletter.models import Delivery, Mailing
from newsletter.sql import changed, rows_of, time_value, timestamp
from newsletter.tokens import delivery_token, token_hash

State = Delivery.State
CANCELLED_AT_ONCE = 10_000  # rows in one statement
DOUBTED_AT_ONCE = 1_000
RESTORED = "in a restored copy: may have been sent after the backup"


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
    """The same for many rows with the same proof. A proof that they were sent also outweighs an earlier report of the
    contrary, so that the order of reports makes no difference."""
    may = Q(state=State.UNKNOWN)
    if state == State.SENT:
        may |= Q(state=State.FAILED, reason__startswith=REPORTED)
    return Delivery.objects.filter(may, pk__in=deliveries).update(
        state=state, reason=f"{SETTLED}{reason}"[:200], finished_at=timezone.now()
    )


def treat_as_sent(*, deliveries: Sequence[int], reason: str) -> int:
    """Call unknown rows sent, by an operator's audited decision (`deciding.py`) and never otherwise."""
    return Delivery.objects.filter(pk__in=deliveries, state=State.UNKNOWN).update(
        state=State.SENT, reason=f"decided: {reason}"[:200], finished_at=timezone.now()
    )


def doubt(*, issue: int) -> int:
    """In a restored copy: call everything unknown that had not ended, in batches. Returns how many that were.

    Each may have been handed over after the copy was taken: its link must answer, so its token is stored. The provider
    is cleared, and nothing is repeated under a key: only a provider's report or a person's decision moves these on.
    """
    doubted = 0
    while rows := list(Delivery.objects.filter(issue=issue).unfinished().values_list("pk", "nonce")[:DOUBTED_AT_ONCE]):
        hashes = [(pk, token_hash(delivery_token(nonce))) for pk, nonce in rows]
        table, values = rows_of(("bigint", "text"), hashes)
        doubted += changed(
            f"""
            UPDATE newsletter_delivery AS d
            SET state = 'unknown', reason = %s, lease_until = NULL, next_attempt_at = NULL, provider = '',
                finished_at = {timestamp()}, token_hash = coalesce(d.token_hash, v.column2)
            FROM {table} AS v
            WHERE d.id = v.column1 AND d.state IN ('pending', 'claimed', 'sending', 'retry_wait')
            """,
            [RESTORED, time_value(timezone.now()), *values],
        )
    return doubted


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
