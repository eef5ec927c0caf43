"""Taking rows: claiming them, and marking them as `sending` once everything has been checked again."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.utils import timezone

from newsletter.models import Delivery
from newsletter.sql import is_postgres, may_be_lost, returning, rows_of, skip_locked, time_value, timestamp, uuid_value
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


def claim(*, issue: int, attempt: uuid.UUID, limit: int, after: int = 0) -> list[Claimed]:
    """Take up to `limit` pending rows for this attempt, in the order of their ids. Two workers never get the same row.

    `after`: only rows with a greater id. Whoever claims again and again says where it was, so that PostgreSQL need not
    step over everything that has left the index since its last vacuum: a claim costs the same at any size.
    """
    # Materialised, because PostgreSQL may run a subquery again for each row it updates, and then claim too many.
    rows = returning(
        f"""
        WITH picked AS MATERIALIZED (
            SELECT id AS picked_id FROM newsletter_delivery WHERE issue_id = %s AND state = 'pending' AND id > %s
            ORDER BY id LIMIT %s {skip_locked()}
        )
        UPDATE newsletter_delivery SET state = 'claimed', attempt = %s, lease_until = %s
        FROM picked{may_be_lost()}
        WHERE newsletter_delivery.id = picked.picked_id AND newsletter_delivery.state = 'pending'
        RETURNING newsletter_delivery.id, newsletter_delivery.nonce
        """,
        [issue, after, limit, uuid_value(attempt), time_value(lease_end())],
    )
    return [Claimed(pk, _uuid(nonce)) for pk, nonce in sorted(rows, key=itemgetter(0))]


# Why somebody frozen is not to be mailed after all, worked out at the last moment before sending.
SKIP_REASON = """
    CASE WHEN s.id IS NULL THEN 'erased'
         WHEN x.id IS NOT NULL THEN 'suppressed'
         WHEN s.state = 'ended' THEN 'unsubscribed'
         WHEN s.state = 'pending' THEN 'not confirmed'
         WHEN s.state = 'paused' THEN 'paused'
         ELSE '' END
"""


def mark_sending(*, issue: int, attempt: uuid.UUID, rows: Sequence[Claimed], provider: str = "") -> Marked:
    """Move claimed rows to `sending`, or to `skipped` where consent, suppression or pause say so since the freeze.

    One statement: it checks the mailing's state, the lease and the attempt, stores the hash of each token, and
    returns what is needed to send. Rows it does not return as ready must not be handed over; fewer rows than were
    given mean that they are no longer this worker's (lease over, mailing paused).
    """
    if not rows:
        return Marked([], skipped=0)
    now = timezone.now()
    tokens = {row.delivery: delivery_token(row.nonce) for row in rows}
    table, values = rows_of(("bigint", "text"), [(pk, token_hash(token)) for pk, token in tokens.items()])
    # `lower` keeps PostgreSQL from starting with the index of what is in flight, which it believes to be empty.
    marked = returning(
        f"""
        UPDATE newsletter_delivery
        SET state = CASE WHEN why.reason = '' THEN 'sending' ELSE 'skipped' END,
            reason = why.reason,
            token_hash = why.token_hash,
            attempts = newsletter_delivery.attempts + 1,
            lease_until = {timestamp()},
            next_attempt_at = NULL,
            handed_at = CASE WHEN why.reason = '' THEN {timestamp()} ELSE NULL END,
            provider = CASE WHEN why.reason = '' THEN %s ELSE '' END,
            finished_at = CASE WHEN why.reason = '' THEN NULL ELSE {timestamp()} END
        FROM (
            SELECT t.column1 AS id, t.column2 AS token_hash, {SKIP_REASON} AS reason,
                u.email, u.first_name, s.track_opens, s.track_clicks
            FROM {table} AS t
            JOIN newsletter_delivery f ON f.id = t.column1
            LEFT JOIN membership_member m ON m.id = f.member_id
            LEFT JOIN membership_user u ON u.id = m.user_id
            LEFT JOIN membership_subscription s ON s.member_id = m.id
            LEFT JOIN membership_suppression x ON x.address_hash = u.address_hash
        ) AS why
        WHERE newsletter_delivery.id = why.id AND lower(newsletter_delivery.state) = 'claimed'
          AND newsletter_delivery.attempt = %s AND newsletter_delivery.lease_until > {timestamp()}
          AND EXISTS (SELECT 1 FROM newsletter_mailing g WHERE g.issue_id = %s AND g.state = 'sending')
          AND NOT EXISTS (SELECT 1 FROM cms_disarmed)
        RETURNING newsletter_delivery.id, newsletter_delivery.edition_id, newsletter_delivery.state, {_person()}
        """,
        [
            time_value(lease_end()),
            time_value(now),
            provider,
            time_value(now),
            *values,
            uuid_value(attempt),
            time_value(now),
            issue,
        ],
    )
    ready = [
        Ready(pk, edition, tokens[pk], address, first_name, bool(opens), bool(clicks))
        for pk, edition, state, address, first_name, opens, clicks in sorted(marked, key=itemgetter(0))
        if state == State.SENDING
    ]
    return Marked(ready, skipped=len(marked) - len(ready))


def mark_repeating(
    *, issue: int, attempt: uuid.UUID, provider: str, handed_since: datetime, ended_before: datetime, limit: int
) -> list[Ready]:
    """Take unknown rows back to `sending`, to repeat them under the key the provider still remembers (ADR 5).

    Only rows handed to this provider since `handed_since`, and left alone since `ended_before`. Their `handed_at`
    stays: the key's time runs from the first hand-over. Whoever may not be mailed any more is left as unknown.
    """
    rows = returning(
        f"""
        WITH picked AS MATERIALIZED (
            SELECT d.id AS picked_id
            FROM newsletter_delivery d
            JOIN membership_member m ON m.id = d.member_id
            JOIN membership_user u ON u.id = m.user_id
            JOIN membership_subscription s ON s.member_id = m.id
            LEFT JOIN membership_suppression x ON x.address_hash = u.address_hash
            WHERE d.issue_id = %s AND d.state = 'unknown' AND d.provider = %s AND d.handed_at > {timestamp()}
              AND d.finished_at < {timestamp()} AND d.attempts < %s AND {SKIP_REASON} = ''
              AND EXISTS (SELECT 1 FROM newsletter_mailing g WHERE g.issue_id = %s AND g.state = 'sending')
              AND NOT EXISTS (SELECT 1 FROM cms_disarmed)
            ORDER BY d.id LIMIT %s {"FOR UPDATE OF d SKIP LOCKED" if is_postgres() else ""}
        )
        UPDATE newsletter_delivery
        SET state = 'sending', attempt = %s, lease_until = %s, attempts = newsletter_delivery.attempts + 1,
            finished_at = NULL
        FROM picked WHERE newsletter_delivery.id = picked.picked_id AND newsletter_delivery.state = 'unknown'
        RETURNING newsletter_delivery.id, newsletter_delivery.edition_id, newsletter_delivery.nonce, {_subselects()}
        """,
        [
            issue,
            provider,
            time_value(handed_since),
            time_value(ended_before),
            settings.SEND_MAX_ATTEMPTS,
            issue,
            limit,
            uuid_value(attempt),
            time_value(lease_end()),
        ],
    )
    return [
        Ready(pk, edition, delivery_token(_uuid(nonce)), address, first_name, bool(opens), bool(clicks))
        for pk, edition, nonce, address, first_name, opens, clicks in sorted(rows, key=itemgetter(0))
    ]


def _person() -> str:
    """What `mark_sending` returns of each person. SQLite cannot name a joined table in RETURNING."""
    if is_postgres():
        return "why.email, why.first_name, why.track_opens, why.track_clicks"
    return _subselects()


def _subselects() -> str:
    person = """FROM membership_member m JOIN membership_user u ON u.id = m.user_id
        JOIN membership_subscription s ON s.member_id = m.id WHERE m.id = newsletter_delivery.member_id"""
    columns = ("u.email", "u.first_name", "s.track_opens", "s.track_clicks")
    return ", ".join(f"(SELECT {column} {person})" for column in columns)


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
