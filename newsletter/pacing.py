"""Rates that all workers share: turns are booked in the database, one behind the other, each in one statement.

The rule is GCRA (the “virtual scheduling” leaky bucket): under each name stands the moment from which the next turn is
free, and booking pushes it on. The SQL is the same for SQLite and PostgreSQL, and right with any number of workers.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from django.db import connection
from django.db.models import F

from newsletter.models import DayCount, Pace

SLOWEST = 0.01  # messages a second that may be configured: one in 100 s, so that turns come before leases are over
SLACK = 300  # seconds; a turn further ahead than any that can be booked comes from a clock that was wrong
FORGET_BATCH = 1000  # rows deleted at a time


def book(seconds: Mapping[str, float], *, now: float, within: float) -> dict[str, float]:
    """Book so many seconds under each name. Returns the moment from which each may be used.

    A name is left out, and nothing is booked under it, when its turn would come more than `within` seconds from now.
    """
    names = sorted(seconds)  # in one order everywhere, or two workers could wait for each other
    rows = ", ".join(["(%s, %s)"] * len(names))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO newsletter_pace AS p (name, free_at) VALUES {rows}
            ON CONFLICT (name) DO UPDATE SET free_at = excluded.free_at - %s
                + CASE WHEN p.free_at > %s AND p.free_at <= %s THEN p.free_at ELSE %s END
            WHERE p.free_at <= %s OR p.free_at > %s
            RETURNING name, free_at
            """,  # noqa: S608 - placeholders only
            [
                *[part for name in names for part in (name, now + seconds[name])],
                *(now, now, now + within, now),
                *(now + within, now + within + SLACK),
            ],
        )
        return {name: max(now, free_at - seconds[name]) for name, free_at in cursor.fetchall()}


def take_from_day(day: date, *, wanted: int, cap: int) -> int:
    """Count up to `wanted` messages against the day's cap, and say how many: 0 when it is used up."""
    first = min(wanted, cap)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO newsletter_daycount AS d (day, used, granted) VALUES (%(day)s, %(first)s, %(first)s)
            ON CONFLICT (day) DO UPDATE SET
                used = CASE WHEN d.used + %(wanted)s <= %(cap)s THEN d.used + %(wanted)s ELSE %(cap)s END,
                granted = CASE WHEN d.used + %(wanted)s <= %(cap)s THEN %(wanted)s ELSE %(cap)s - d.used END
            WHERE d.used < %(cap)s
            RETURNING granted
            """,
            {"day": connection.ops.adapt_datefield_value(day), "first": first, "wanted": wanted, "cap": cap},
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def give_back_to_day(day: date, count: int) -> None:
    """Take messages off the day's count that were not handed over after all."""
    DayCount.objects.filter(day=day, used__gte=count).update(used=F("used") - count)


def forget(before: datetime) -> Iterator[int]:
    """Delete turns that are over (a domain may be one person's): yields how many, a batch at a time."""
    over = Pace.objects.filter(free_at__lt=before.timestamp()).order_by("pk")
    while pks := list(over.values_list("pk", flat=True)[:FORGET_BATCH]):
        Pace.objects.filter(pk__in=pks, free_at__lt=before.timestamp()).delete()
        yield len(pks)
