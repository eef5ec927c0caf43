"""Recipients: the rows of the ledger that a freeze writes, for an issue and for a correction, and who received what."""

from typing import Any

from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from newsletter.models import Delivery, Edition, EditionItem, Issue
from newsletter.sql import is_postgres, timestamp

# Why somebody is not to be mailed, whatever is in it for them.
BARRED = """
    WHEN x.id IS NOT NULL THEN 'suppressed'
    WHEN s.state = 'ended' THEN 'unsubscribed'
    WHEN s.state = 'pending' THEN 'not confirmed'
    WHEN s.state = 'paused' THEN 'paused'
"""


def insert_deliveries(issue: Issue) -> int:
    """Write one row per subscription that has an audience and no row, in a single statement; return their number.

    Whoever is not to be mailed is `skipped` at once, with the reason; everybody else is `pending`. Rows are in the
    order of editions, so that whoever sends needs few prepared messages at a time, and one call of a provider's
    interface can carry many.
    """
    month = issue.month
    between = "" if month.ends_quarter else f"quarterly: next issue in {date_format(month.quarter_end.first_day, 'F')}"
    return _insert(
        issue,
        f"""
        SELECT a.edition_id, s.member_id,
               CASE {BARRED}
                    WHEN a.edition_id IS NULL AND s.frequency = 'quarterly' AND %s <> '' THEN %s
                    WHEN a.edition_id IS NULL THEN 'nothing new for this member'
                    ELSE '' END AS reason
        FROM membership_subscription s
        JOIN membership_member m ON m.id = s.member_id
        JOIN membership_user u ON u.id = m.user_id
        LEFT JOIN membership_suppression x ON x.address_hash = u.address_hash
        JOIN newsletter_editionaudience a ON a.issue_id = %s AND a.audience_id = s.audience_id
        LEFT JOIN newsletter_delivery d ON d.issue_id = a.issue_id AND d.member_id = s.member_id
        WHERE d.id IS NULL
        ORDER BY a.edition_id, s.id
        """,
        [between, between, issue.pk],
    )


def insert_correction(edition: Edition, item: int) -> int:
    """Write one row per member who was sent `item`, in whichever issue, in a single statement; return their number.

    Whether they may be mailed today is judged as for any issue. Whoever has been erased meanwhile is in no ledger.
    """
    # By issue and state too: no index begins with the edition (`Delivery.Meta.indexes`).
    return _insert(
        edition.issue,
        f"""
        SELECT CAST(%s AS bigint) AS edition_id, s.member_id, CASE {BARRED} ELSE '' END AS reason
        FROM (
            SELECT DISTINCT d.member_id
            FROM newsletter_editionitem p
            JOIN newsletter_edition e ON e.id = p.edition_id
            JOIN newsletter_delivery d ON d.issue_id = e.issue_id AND d.state = 'sent' AND d.edition_id = e.id
            WHERE p.item_id = %s AND d.member_id IS NOT NULL
        ) AS reached
        JOIN membership_subscription s ON s.member_id = reached.member_id
        JOIN membership_member m ON m.id = s.member_id
        JOIN membership_user u ON u.id = m.user_id
        LEFT JOIN membership_suppression x ON x.address_hash = u.address_hash
        ORDER BY s.id
        """,
        [edition.pk, item],
    )


def carriers(items: list[int]) -> "QuerySet[EditionItem]":
    """The places of these items in editions of monthly issues, joined to their deliveries as `edition__deliveries`."""
    return EditionItem.objects.filter(
        item__in=items,
        edition__issue__corrects=None,
        edition__deliveries__issue=F("edition__issue"),  # for the index, as above
        edition__deliveries__state__in=[Delivery.State.SENT, Delivery.State.UNKNOWN],
    )


def _insert(issue: Issue, people: str, values: list[Any]) -> int:
    """Insert a row for each of `people`: a query for edition_id, member_id and why not (empty: mail them)."""
    nonce = "gen_random_uuid()" if is_postgres() else "lower(hex(randomblob(16)))"
    now: Any = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO newsletter_delivery
                (issue_id, edition_id, member_id, state, reason, nonce, attempts, provider, message_id, finished_at)
            SELECT %s, r.edition_id, r.member_id, CASE WHEN r.reason = '' THEN 'pending' ELSE 'skipped' END,
                   r.reason, {nonce}, 0, '', '', CASE WHEN r.reason = '' THEN NULL ELSE {timestamp()} END
            FROM ({people}) AS r
            """,
            [issue.pk, now, *values],
        )
        return int(cursor.rowcount)
