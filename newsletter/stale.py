"""Stale totals: something of an issue has come in, or has gone, that its totals do not hold yet (ADR 23).

Every mark writes, so that what comes in while totals are being counted cannot be missed. Whoever counts reads
`Rollup.stale_since` first, counts, and then clears it only where it still is what was read.
"""

from collections.abc import Iterable

from django.utils import timezone

from newsletter.sql import changed, rows_of, time_value, timestamp


def mark_stale(issues: Iterable[int]) -> None:
    """Have the totals of these issues counted again: one statement, best the last one of its transaction.

    A rollup that was closed stays as it is: its raw hits have gone.
    """
    wanted = sorted(set(issues))  # in one order: of two processes, one waits for the other
    if not wanted:
        return
    rows, values = rows_of(["bigint"], [[pk] for pk in wanted])
    changed(
        f"""
        INSERT INTO newsletter_rollup (issue_id, stale_since)
        SELECT column1, {timestamp()} FROM {rows} AS wanted WHERE true ORDER BY column1
        ON CONFLICT (issue_id) DO UPDATE SET stale_since = excluded.stale_since
        WHERE newsletter_rollup.closed_at IS NULL
        """,  # noqa: S608  our own constants only
        [time_value(timezone.now()), *values],
    )
