"""How membership grows, and where members work. Cells below ten people are hidden (quality.md 11)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.functions import TruncMonth
from django.utils import timezone

from cms.models import Region, Sector
from membership.models import Member, Subscription

SMALLEST_CELL = 10  # people
MONTHS = 24


@dataclass(frozen=True)
class Month:
    """How many confirmed, and how many of those who had confirmed left, in one month (its first day)."""

    first_day: date
    joined: int
    left: int


@dataclass(frozen=True)
class Cell:
    """Members of one sector or region; None = fewer than ten, but not none at all."""

    name: str
    members: int | None

    @property
    def words(self) -> str:
        return f"{self.members:,}" if self.members is not None else f"fewer than {SMALLEST_CELL}"


def growth(today: date) -> list[Month]:
    """The last 24 months, this one included, oldest first. Whoever has been erased is in no month."""
    first = _months_before(today.replace(day=1), MONTHS - 1)
    confirmed = Subscription.objects.exclude(confirmed_at=None)
    joined = _by_month(confirmed, "confirmed_at", first)
    left = _by_month(confirmed.filter(state=Subscription.State.ENDED), "ended_at", first)
    months = [_months_before(first, -count) for count in range(MONTHS)]
    return [Month(month, joined.get(month, 0), left.get(month, 0)) for month in months]


def by_sector() -> list[Cell]:
    """Members whose e-news is active or paused, by sector; somebody in two sectors counts in both."""
    counts = _standing_members().values_list("sectors").annotate(Count("pk")).order_by()
    found = dict(counts)
    return [_cell(sector.name, found.get(sector.pk, 0)) for sector in Sector.objects.all()]


def by_region() -> list[Cell]:
    """The same by region; the last is those who chose the whole country."""
    found = dict(_standing_members().values_list("region").annotate(Count("pk")).order_by())
    cells = [_cell(region.name, found.get(region.pk, 0)) for region in Region.objects.all()]
    return [*cells, _cell("National", found.get(None, 0))]


def by_state() -> list[tuple[str, int]]:
    """How many members stand where, in words."""
    found = dict(Subscription.objects.values_list("state").annotate(Count("pk")).order_by())
    return [(str(state.label), found.get(state.value, 0)) for state in Subscription.State]


def _standing_members() -> QuerySet[Member]:
    standing = Subscription.objects.filter(
        member=OuterRef("pk"), state__in=[Subscription.State.ACTIVE, Subscription.State.PAUSED]
    )
    return Member.objects.filter(Exists(standing), erased_at=None)


def _cell(name: str, members: int) -> Cell:
    return Cell(name, members if members >= SMALLEST_CELL or not members else None)


def _by_month(rows: QuerySet[Subscription], column: str, first: date) -> dict[date, int]:
    """Count rows by the local month of a time."""
    months: Any = (
        rows.annotate(month=TruncMonth(column, tzinfo=timezone.get_default_timezone()))
        .values_list("month")
        .annotate(Count("pk"))
        .order_by()
    )
    return {month.date(): count for month, count in months if month and month.date() >= first}


def _months_before(first_day: date, count: int) -> date:
    place = first_day.year * 12 + first_day.month - 1 - count
    return date(place // 12, place % 12 + 1, 1)
