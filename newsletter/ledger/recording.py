"""Recording how hand-overs ended, and giving back what was not begun."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from newsletter.models import Delivery, Mailing
from newsletter.sql import changed, may_be_lost, rows_of, time_value, uuid_value

State = Delivery.State
PACED = "waiting for its turn: its domain is sent to at a limited rate"
# Reasons of rows that were unknown once and have a proof now: the certificate tells them apart.
SETTLED = "settled: "
REPORTED = f"{SETTLED}provider reported"  # by what the provider said of it
REVIVED = f"{SETTLED}the worker came back with the answer"


def finish(
    *,
    attempt: uuid.UUID,
    state: str,
    rows: Iterable[tuple[int, str]],
    reason: str = "",
    next_attempt_at: datetime | None = None,
    counts: bool = True,
) -> int:
    """Record how a group of hand-overs ended: `rows` are (delivery id, the provider's message id).

    `counts` is off where the attempt says nothing about the recipient: we were only asked to go slower.
    Also accepts rows that recovery has meanwhile called unknown: the worker that revives brings the proof. Of somebody
    erased meanwhile the provider's message id is not kept: it would lead back to them.
    """
    pairs = list(rows)
    if not pairs:
        return 0
    table, values = rows_of(("bigint", "text"), pairs)
    ended = changed(
        f"""
        UPDATE newsletter_delivery AS d
        SET state = %s, reason = CASE WHEN d.state = 'unknown' AND %s = '' THEN %s ELSE %s END,
            next_attempt_at = %s, lease_until = NULL, finished_at = %s,
            attempts = CASE WHEN %s THEN d.attempts ELSE d.attempts - 1 END,
            message_id = CASE WHEN d.member_id IS NULL THEN '' ELSE v.column2 END
        FROM {table} AS v{may_be_lost()}
        WHERE d.id = v.column1 AND d.attempt = %s AND lower(d.state) IN ('sending', 'unknown')
        """,
        [
            state,
            reason[:200],
            REVIVED,
            reason[:200],
            time_value(next_attempt_at),
            None if state == State.RETRY_WAIT else time_value(timezone.now()),
            counts,
            *values,
            uuid_value(attempt),
        ],
    )
    if ended and state == State.RETRY_WAIT:
        # A worker that revives may bring this after the mailing was closed: then there is work again.
        late = Mailing.objects.filter(issue__deliveries__in=[pk for pk, _ in pairs], state=Mailing.State.FINISHED)
        late.update(state=Mailing.State.SENDING)
    return ended


def put_off(*, attempt: uuid.UUID, slots: Sequence[tuple[int, datetime]]) -> int:
    """Give claimed rows back until the moment that their domain's rate has kept for each."""
    if not slots:
        return 0
    table, values = rows_of(("bigint", "timestamptz"), [(pk, time_value(moment)) for pk, moment in slots])
    return changed(
        f"""
        UPDATE newsletter_delivery AS d
        SET state = 'retry_wait', reason = %s, next_attempt_at = v.column2, attempt = NULL, lease_until = NULL
        FROM {table} AS v
        WHERE d.id = v.column1 AND d.attempt = %s AND d.state = 'claimed'
        """,
        [PACED, *values, uuid_value(attempt)],
    )


def release(*, attempt: uuid.UUID, deliveries: Sequence[int]) -> int:
    """Give back rows that were claimed but not begun."""
    rows = Delivery.objects.filter(pk__in=deliveries, attempt=attempt, state=State.CLAIMED)
    return rows.update(state=State.PENDING, attempt=None, lease_until=None)


def take_back(*, attempt: uuid.UUID, deliveries: Sequence[int]) -> int:
    """Give back rows marked as sending that were proved never to have been handed over; it was no attempt."""
    rows = Delivery.objects.filter(pk__in=deliveries, attempt=attempt, state=State.SENDING)
    return rows.update(state=State.PENDING, attempt=None, lease_until=None, attempts=F("attempts") - 1)
