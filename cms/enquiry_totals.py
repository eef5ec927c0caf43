"""What the helpline was asked about, as totals of a period. Totals are of enquiries; nobody who asked is known.

Who asked is a professional of a sector. A crossing of sector and topic may come down to a few people whom colleagues
would recognise, so its cells below ten are hidden (quality.md 11, ADR 20).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncMonth
from django.utils import timezone

from cms.models import Enquiry, Entry, Region, Sector, Topic

SMALLEST_CELL = 10  # enquiries, in the crossing of sector and topic
KEPT_MONTHS = 37  # as long as `cms.retention` keeps enquiries, and this month
USUAL_MONTHS = 12
MOST_ENTRIES = 20
NOT_KNOWN = "Not known"


@dataclass(frozen=True)
class Period:
    """Whole months, by the first day of the first and of the last."""

    first: date
    last: date

    @property
    def months(self) -> list[date]:
        count = _number(self.last) - _number(self.first) + 1
        return [_month(_number(self.first) + place) for place in range(count)]

    @property
    def words(self) -> str:
        first, last = f"{self.first:%B %Y}", f"{self.last:%B %Y}"
        return first if first == last else f"{first} to {last}"


@dataclass(frozen=True)
class Cross:
    """One sector's enquiries by topic; None = fewer than ten, but not none at all."""

    name: str
    cells: list[int | None]

    @property
    def words(self) -> list[str]:
        return [f"fewer than {SMALLEST_CELL}" if cell is None else f"{cell:,}" for cell in self.cells]


@dataclass(frozen=True)
class Totals:
    """Everything that the report shows and its files hold: labels with the number of enquiries."""

    period: Period
    enquiries: int
    by_mail: int
    months: list[tuple[str, int]]
    sectors: list[tuple[str, int]]
    regions: list[tuple[str, int]]
    topics: list[tuple[str, int]]
    entries: list[tuple[str, int]]
    crossing: list[Cross]
    topic_names: list[str]


def choices(today: date) -> list[date]:
    """The months that can be chosen, this one first."""
    return [_month(_number(today) - place) for place in range(KEPT_MONTHS)]


def read_period(params: Mapping[str, Any], today: date) -> Period:
    """Understand `from` and `to`, such as 2026-10. Unknown ones mean the last 12 months; a wrong order is put right."""
    known = {f"{month:%Y-%m}": month for month in choices(today)}
    last = known.get(str(params.get("to", "")), today.replace(day=1))
    first = known.get(str(params.get("from", "")), _month(_number(last) - USUAL_MONTHS + 1))
    return Period(min(first, last), max(first, last))


def totals(period: Period) -> Totals:
    """Count the enquiries of a period, in nine queries however many there are."""
    asked = Enquiry.objects.filter(
        made_at__gte=_midnight(period.first), made_at__lt=_midnight(_month(_number(period.last) + 1))
    )
    per_month: dict[Any, int] = {}
    by_mail = 0
    for month, answered, count in _counted(
        asked.annotate(month=TruncMonth("made_at", tzinfo=timezone.get_default_timezone())), "month", "answered"
    ):
        per_month[month.date()] = per_month.get(month.date(), 0) + count
        by_mail += count if answered == Enquiry.Answered.EMAIL else 0
    sectors = list(Sector.objects.values_list("pk", "name", "short_name"))
    topics = list(Topic.objects.values_list("pk", "name"))
    found = {(sector, topic): count for sector, topic, count in _counted(asked, "sector", "topics")}
    return Totals(
        period=period,
        enquiries=sum(per_month.values()),
        by_mail=by_mail,
        months=[(f"{month:%B %Y}", per_month.get(month, 0)) for month in period.months],
        sectors=_labelled(asked, "sector", [(pk, name) for pk, name, _ in sectors]),
        regions=_labelled(asked, "region", list(Region.objects.values_list("pk", "name"))),
        topics=_labelled(asked, "topics", topics),
        entries=_most_signposted(asked),
        crossing=[
            Cross(name, [_cell(found.get((sector, topic), 0)) for topic, _ in topics]) for sector, _, name in sectors
        ],
        topic_names=[name for _, name in topics],
    )


def _counted(asked: "QuerySet[Enquiry]", *by: str) -> Any:
    return asked.values_list(*by).annotate(Count("pk")).order_by()


def _labelled(asked: "QuerySet[Enquiry]", field: str, known: list[tuple[int, str]]) -> list[tuple[str, int]]:
    """One count for each known word, in the words' order, and those of which it is not known."""
    found = dict(_counted(asked, field))
    return [*((name, found.get(pk, 0)) for pk, name in known), (NOT_KNOWN, found.get(None, 0))]


def _most_signposted(asked: "QuerySet[Enquiry]") -> list[tuple[str, int]]:
    through = Enquiry.entries.through.objects.filter(enquiry__in=asked)
    counted: Any = through.values_list("entry").annotate(times=Count("pk"))
    counts = dict(counted.order_by("-times", "entry")[:MOST_ENTRIES])
    titles = dict(Entry.objects.filter(pk__in=counts).values_list("pk", "title"))
    return [(titles[pk], count) for pk, count in counts.items()]


def _cell(count: int) -> int | None:
    return None if 0 < count < SMALLEST_CELL else count


def _number(day: date) -> int:
    return day.year * 12 + day.month - 1


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
