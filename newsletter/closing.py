"""Closing: the last count of an issue's totals, before its raw hits go. Nothing under ten people is kept in them."""

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from newsletter.adding_up import LOCK, count
from newsletter.figures import LEDGER, MEASURED, VERDICTS
from newsletter.hiding import SMALLEST_CELL
from newsletter.models import Rollup, Total
from newsletter.sql import hold


def close(issue: int) -> bool:
    """Count an issue for the last time, empty its cells under ten people, and close it. Returns whether it was done
    now: a rollup that is closed stays as it is, since what it was counted from may be half gone."""
    Rollup.objects.get_or_create(pk=issue)
    with transaction.atomic():
        hold(LOCK, issue, wait=True)
        rollup = Rollup.objects.filter(pk=issue, closed_at=None)
        if not rollup.exists():
            return False
        count(issue)
        empty_small_cells(issue)
        now = timezone.now()
        return bool(rollup.update(stale_since=None, counted_at=now, closed_at=now))


def empty_small_cells(issue: int) -> None:
    """Set to zero whatever counts fewer than ten people, and the hits of so few. It cannot be told from nobody then."""
    enough = {name: Q(**{f"{name}__gte": SMALLEST_CELL}) for name in LEDGER}
    for people, (hits, agreed) in MEASURED.items():
        for verdict in VERDICTS:
            name = f"{people}_{verdict}"
            # Days have no base of their own.
            based = enough[agreed] | Q(dimension=Total.Dimension.DAY)
            enough[name] = enough[f"{hits}_{verdict}"] = based & Q(**{f"{name}__gte": SMALLEST_CELL})
    kept = {name: Case(When(condition, then=F(name)), default=Value(0)) for name, condition in enough.items()}
    Total.objects.filter(issue=issue).update(**kept)
