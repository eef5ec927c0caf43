"""Every move a delivery can make, each one conditional statement that may be run twice.

    pending -> claimed (lease) -> sending -> sent | retry_wait | failed | skipped | unknown

The SQL is written by hand, because the ORM cannot return what an update touched; it is the same for SQLite and
PostgreSQL but for `SKIP LOCKED`. Nothing here touches the network, and no lock outlives its statement.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from newsletter.models import Delivery, Mailing
from newsletter.tokens import delivery_token, token_hash

State = Delivery.State


@dataclass(frozen=True)
class Claimed:
    """A row this worker holds."""

    delivery: int
    nonce: uuid.UUID


@dataclass(frozen=True)
class Ready:
    """A row that is now `sending`: everything needed to hand it over."""

    delivery: int
    edition: int
    token: str
    address: str
    first_name: str
    track_opens: bool
    track_clicks: bool


@dataclass(frozen=True)
class Marked:
    """What became of a group at the last check: rows to hand over now, and how many were skipped."""

    ready: list[Ready]
    skipped: int


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.SEND_LEASE_SECONDS)


def claim(*, issue: int, attempt: uuid.UUID, limit: int) -> list[Claimed]:
    """Take up to `limit` pending rows for this attempt. Two workers never get the same row."""
    locking = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    # Materialised, because PostgreSQL may run a subquery again for each row it updates, and then claim too many.
    rows = _returning(
        f"""
        WITH picked AS MATERIALIZED (
            SELECT id AS picked_id FROM newsletter_delivery WHERE issue_id = %s AND state = 'pending'
            ORDER BY id LIMIT %s {locking}
        )
        UPDATE newsletter_delivery SET state = 'claimed', attempt = %s, lease_until = %s
        FROM picked WHERE newsletter_delivery.id = picked.picked_id AND newsletter_delivery.state = 'pending'
        RETURNING newsletter_delivery.id, newsletter_delivery.nonce
        """,
        [issue, limit, _uuid(attempt), _time(lease_end())],
    )
    return [Claimed(pk, uuid.UUID(str(nonce))) for pk, nonce in sorted(rows, key=itemgetter(0))]


# Why somebody frozen is not to be mailed after all, worked out at the last moment before sending.
SKIP_REASON = """
    CASE WHEN s.id IS NULL THEN 'erased'
         WHEN x.id IS NOT NULL THEN 'suppressed'
         WHEN s.state = 'ended' THEN 'unsubscribed'
         WHEN s.state = 'pending' THEN 'not confirmed'
         WHEN s.state = 'paused' THEN 'paused'
         ELSE '' END
"""


def mark_sending(*, issue: int, attempt: uuid.UUID, rows: Sequence[Claimed]) -> Marked:
    """Move claimed rows to `sending`, or to `skipped` where consent, suppression or pause say so since the freeze.

    One statement: it checks the mailing's state, the lease and the attempt, stores the hash of each token, and
    returns what is needed to send. Rows it does not return as ready must not be handed over; fewer rows than were
    given mean that they are no longer this worker's (lease over, mailing paused).
    """
    if not rows:
        return Marked([], skipped=0)
    tokens = {row.delivery: delivery_token(row.nonce) for row in rows}
    now = timezone.now()
    values: list[Any] = [part for pk, token in tokens.items() for part in (pk, token_hash(token))]
    member = "FROM membership_member m JOIN membership_user u ON u.id = m.user_id"
    subscription = (
        f"{member} JOIN membership_subscription s ON s.member_id = m.id WHERE m.id = newsletter_delivery.member_id"
    )
    marked = _returning(
        f"""
        UPDATE newsletter_delivery
        SET state = CASE WHEN why.reason = '' THEN 'sending' ELSE 'skipped' END,
            reason = why.reason,
            token_hash = why.token_hash,
            attempts = newsletter_delivery.attempts + 1,
            lease_until = %s,
            finished_at = CASE WHEN why.reason = '' THEN NULL ELSE {_timestamp()} END
        FROM (
            SELECT t.column1 AS id, t.column2 AS token_hash, {SKIP_REASON} AS reason
            FROM (VALUES {_placeholders(len(tokens), 2)}) AS t
            JOIN newsletter_delivery f ON f.id = t.column1
            LEFT JOIN membership_member m ON m.id = f.member_id
            LEFT JOIN membership_user u ON u.id = m.user_id
            LEFT JOIN membership_subscription s ON s.member_id = m.id
            LEFT JOIN membership_suppression x ON x.address_hash = u.address_hash
        ) AS why
        WHERE newsletter_delivery.id = why.id AND newsletter_delivery.state = 'claimed'
          AND newsletter_delivery.attempt = %s AND newsletter_delivery.lease_until > %s
          AND EXISTS (SELECT 1 FROM newsletter_mailing g WHERE g.issue_id = %s AND g.state = 'sending')
        RETURNING newsletter_delivery.id, newsletter_delivery.edition_id, newsletter_delivery.state,
            (SELECT u.email {subscription}), (SELECT u.first_name {subscription}),
            (SELECT s.track_opens {subscription}), (SELECT s.track_clicks {subscription})
        """,
        [_time(lease_end()), _time(now), *values, _uuid(attempt), _time(now), issue],
    )
    ready = [
        Ready(pk, edition, tokens[pk], address, first_name, bool(opens), bool(clicks))
        for pk, edition, state, address, first_name, opens, clicks in sorted(marked, key=itemgetter(0))
        if state == State.SENDING
    ]
    return Marked(ready, skipped=len(marked) - len(ready))


def finish(
    *,
    attempt: uuid.UUID,
    state: str,
    rows: Iterable[tuple[int, str]],
    reason: str = "",
    next_attempt_at: datetime | None = None,
) -> int:
    """Record how a group of hand-overs ended: `rows` are (delivery id, the provider's message id).

    Also accepts rows that recovery has meanwhile called unknown: the worker that revives brings the proof. Of somebody
    erased meanwhile the provider's message id is not kept: it would lead back to them.
    """
    pairs = list(rows)
    if not pairs:
        return 0
    changed = _changed(
        f"""
        UPDATE newsletter_delivery AS d
        SET state = %s, reason = %s, next_attempt_at = %s, lease_until = NULL,
            finished_at = %s,
            message_id = CASE WHEN d.member_id IS NULL THEN '' ELSE v.column2 END
        FROM (VALUES {_placeholders(len(pairs), 2)}) AS v
        WHERE d.id = v.column1 AND d.attempt = %s AND d.state IN ('sending', 'unknown')
        """,
        [
            state,
            reason[:200],
            _time(next_attempt_at),
            None if state == State.RETRY_WAIT else _time(timezone.now()),
            *[part for pair in pairs for part in pair],
            _uuid(attempt),
        ],
    )
    if changed and state == State.RETRY_WAIT:
        # A worker that revives may bring this after the mailing was closed: then there is work again.
        late = Mailing.objects.filter(issue__deliveries__in=[pk for pk, _ in pairs], state=Mailing.State.FINISHED)
        late.update(state=Mailing.State.SENDING, finished_at=None)
    return changed


def release(*, attempt: uuid.UUID, deliveries: Sequence[int]) -> int:
    """Give back rows that were claimed but not begun."""
    rows = Delivery.objects.filter(pk__in=deliveries, attempt=attempt, state=State.CLAIMED)
    return rows.update(state=State.PENDING, attempt=None, lease_until=None)


def take_back(*, attempt: uuid.UUID, deliveries: Sequence[int]) -> int:
    """Give back rows marked as sending that were proved never to have been handed over; it was no attempt."""
    rows = Delivery.objects.filter(pk__in=deliveries, attempt=attempt, state=State.SENDING)
    return rows.update(state=State.PENDING, attempt=None, lease_until=None, attempts=F("attempts") - 1)


def wake(*, issue: int) -> int:
    """Make rows pending again whose waiting time is over."""
    return Delivery.objects.filter(issue=issue, state=State.RETRY_WAIT, next_attempt_at__lte=timezone.now()).update(
        state=State.PENDING, attempt=None, next_attempt_at=None
    )


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
    """Name the end of an unknown row on the strength of a proof (a provider event) or an audited decision."""
    return Delivery.objects.filter(pk=delivery, state=State.UNKNOWN).update(
        state=state, reason=reason[:200], finished_at=timezone.now()
    )


def finish_mailing(*, issue: int) -> bool:
    """Close the mailing when nothing is left to do. Returns whether this call closed it."""
    if Delivery.objects.filter(issue=issue).unfinished().exists():
        return False
    return bool(
        Mailing.objects.filter(issue=issue, state=Mailing.State.SENDING).update(
            state=Mailing.State.FINISHED, finished_at=timezone.now()
        )
    )


def _placeholders(rows: int, columns: int) -> str:
    row = f"({', '.join(['%s'] * columns)})"
    return ", ".join([row] * rows)


def _timestamp() -> str:
    """A placeholder for a time inside an expression, where PostgreSQL cannot tell its type."""
    return "%s::timestamptz" if connection.vendor == "postgresql" else "%s"


def _uuid(value: uuid.UUID) -> Any:
    """SQLite keeps UUIDs as 32 hex digits."""
    return value if connection.features.has_native_uuid_field else value.hex


def _time(value: datetime | None) -> Any:
    """SQLite keeps times as text, in UTC and without a zone."""
    return connection.ops.adapt_datetimefield_value(value)


def _returning(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _changed(sql: str, params: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
