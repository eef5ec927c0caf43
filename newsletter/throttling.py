"""What a provider's answers slow us to, kept for all workers in one row: each change is one conditional statement.

asked for less (429, 421) -> hold for a while, and half the rate -> 10 % more every 5 s -> as configured again
out of reach              -> hold 15 s, 30 s, 60 s, 120 s        -> the fifth time in a row, give up
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from newsletter.models import Throttle

LONGEST_ASKED = 3600  # seconds; however much more a provider asks for, it is asked again after an hour
LONGEST_BACK_OFF = 300  # seconds; it doubles from 2 when the provider does not say how long
SLOWEST = 0.1  # messages a second; no number of refusals slows us further
ASSUMED = 20.0  # messages a second, to halve where no rate is configured and none was seen
RAISE, RAISE_EVERY = 1.1, 5  # the factor by which a rate grows, and after how many seconds without a refusal
FREE = 1000.0  # messages a second; a rate that has grown to this limits no longer, where none is configured
TRIES = 5  # times in a row that nothing could be handed over

# A hold is believed up to the longest there can be: beyond that, it was written by a clock that was wrong.
HELD = "(t.hold_until > %(now)s AND t.hold_until <= %(now)s + %(longest)s)"


@dataclass(frozen=True)
class Slowed:
    """The row: nothing is handed over before `hold_until`, and `rate` messages a second after (None: as configured)."""

    hold_until: float = 0.0
    rate: float | None = None
    failures: int = 0

    def hold(self, now: float) -> float:
        """Return how many seconds nothing may be handed over."""
        wait = self.hold_until - now
        return wait if 0 < wait <= LONGEST_ASKED else 0.0


def read(provider: str) -> Slowed:
    row = Throttle.objects.filter(pk=provider).values_list("hold_until", "rate", "failures")
    return _slowed(row[0]) if row else Slowed()


def slow_down(provider: str, *, now: float, retry_after: float | None, base: float | None) -> Slowed:
    """Hold, and halve the rate: the slowed one or `base` (what was configured or seen), whichever is less.

    While a hold lasts, more refusals belong to the same burst: they can lengthen the hold, and halve nothing.
    """
    asked = min(max(retry_after, 1.0), LONGEST_ASKED) if retry_after is not None else 0.0
    rows = _returning(
        f"""
        INSERT INTO newsletter_throttle AS t (provider, hold_until, rate, failures, changed_at)
        VALUES (%(provider)s, %(now)s + %(first)s, %(half)s, 0, %(now)s)
        ON CONFLICT (provider) DO UPDATE SET
            hold_until = CASE
                WHEN {HELD} AND t.hold_until >= %(now)s + %(asked)s THEN t.hold_until
                WHEN %(asked)s > 0 THEN %(now)s + %(asked)s
                WHEN t.hold_until - t.changed_at >= %(back_off)s / 2 THEN %(now)s + %(back_off)s
                WHEN t.hold_until - t.changed_at > 0 THEN %(now)s + 2 * (t.hold_until - t.changed_at)
                ELSE %(now)s + 2 END,
            rate = CASE
                WHEN {HELD} THEN COALESCE(t.rate, %(half)s)
                WHEN t.rate < %(base)s THEN t.rate / 2
                ELSE COALESCE(%(base)s, t.rate, %(assumed)s) / 2 END,
            changed_at = CASE WHEN {HELD} THEN t.changed_at ELSE %(now)s END
        RETURNING hold_until, rate, failures
        """,  # noqa: S608 - our own constants
        {
            "provider": provider,
            "now": now,
            "first": asked or 2.0,
            "asked": asked,
            "base": base,
            "assumed": ASSUMED,
            "half": (base or ASSUMED) / 2,
            "back_off": LONGEST_BACK_OFF,
            "longest": LONGEST_ASKED,
        },
    )
    return _slowed(rows[0])


def speed_up(provider: str, *, now: float, configured: float | None) -> Slowed | None:
    """After messages were taken: forget the failures, and raise a slowed rate a step if its time has come.

    Returns the row, or None when there was nothing to change.
    """
    due = "(t.rate IS NOT NULL AND t.changed_at <= %(now)s - %(every)s AND t.hold_until <= %(now)s - %(every)s)"
    rows = _returning(
        f"""
        UPDATE newsletter_throttle AS t SET
            failures = 0,
            rate = CASE
                WHEN NOT {due} THEN t.rate
                WHEN t.rate * %(raise)s >= %(ceiling)s THEN NULL
                WHEN t.rate < %(slowest)s THEN %(slowest)s
                ELSE t.rate * %(raise)s END,
            changed_at = %(now)s
        WHERE t.provider = %(provider)s AND (t.failures > 0 OR {due})
        RETURNING hold_until, rate, failures
        """,  # noqa: S608 - our own constants
        {
            "provider": provider,
            "now": now,
            "every": RAISE_EVERY,
            "raise": RAISE,
            "ceiling": configured or FREE,
            "slowest": SLOWEST,
        },
    )
    return _slowed(rows[0]) if rows else None


def count_failure(provider: str, *, now: float) -> bool:
    """Count that nothing could be handed over, and hold. Returns True the fifth time in a row, and begins anew.

    What several workers find out at the same time counts once: a failure while a hold lasts is not counted.
    """
    rows = _returning(
        f"""
        INSERT INTO newsletter_throttle AS t (provider, hold_until, rate, failures, changed_at)
        VALUES (%(provider)s, %(now)s + 15, NULL, 1, %(now)s)
        ON CONFLICT (provider) DO UPDATE SET
            failures = CASE WHEN t.failures + 1 >= %(tries)s THEN 0 ELSE t.failures + 1 END,
            hold_until = %(now)s + CASE WHEN t.failures + 1 >= %(tries)s THEN 0 ELSE 15 * (1 << t.failures) END,
            changed_at = %(now)s
        WHERE NOT {HELD}
        RETURNING failures
        """,  # noqa: S608 - our own constants
        {"provider": provider, "now": now, "tries": TRIES, "longest": LONGEST_ASKED},
    )
    return bool(rows) and rows[0][0] == 0


def _slowed(row: tuple[Any, ...]) -> Slowed:
    hold_until, rate, failures = row
    return Slowed(hold_until, rate if rate is None else max(rate, SLOWEST), failures)


def _returning(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
