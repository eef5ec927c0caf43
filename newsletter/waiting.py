"""What waits for somebody: entries for the next issue, and quiet sectors. Bounded reads only."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, DateField, F, Max, Q
from django.db.models.functions import Coalesce, TruncDate

from cms.models import Sector
from newsletter.compiling import announced_before
from newsletter.periods import Period
from newsletter.previewing import being_gathered


@dataclass(frozen=True)
class Bar:
    """A number with its share of the greatest, in percent."""

    label: str
    count: int
    share: int


@dataclass(frozen=True)
class Waiting:
    """Entries that the issue of `month` would take today. One for two sectors is in both of their bars."""

    month: Period
    total: int
    bars: list[Bar]  # every sector, and at the end what is for everyone


@dataclass(frozen=True)
class Quiet:
    """A sector, and the day on which something of its own was last announced; None if never."""

    label: str
    last: date | None


def waiting_for_next_issue(today: date) -> Waiting:
    """Count what is waiting, by sector."""
    month = being_gathered(today)
    fresh = announced_before(month).current(max(today, month.next.first_day)).order_by()
    sectors = Sector.objects.annotate(waiting=Count("entries", filter=Q(entries__in=fresh.values("pk"))))
    counts = [(sector.name, sector.waiting) for sector in sectors]
    counts.append(("Everyone", fresh.filter(sectors=None).count()))
    most = max(count for _, count in counts) or 1
    bars = [Bar(label, count, round(100 * count / most)) for label, count in counts]
    return Waiting(month, fresh.count(), bars)


def quiet_sectors(months: int, today: date) -> list[Quiet]:
    """Sectors for which nothing of their own was announced in so many months, the quietest first."""
    since = months_before(today, months)
    announced = Coalesce(
        F("entries__significant_update_on"),
        TruncDate("entries__first_published_at", tzinfo=ZoneInfo(settings.TIME_ZONE)),
        output_field=DateField(),
    )
    # An update may be announced for a day to come: nobody has heard of it yet.
    heard = Max(announced, filter=Q(entries__live=True) & ~Q(entries__significant_update_on__gt=today))
    sectors = Sector.objects.annotate(last=heard).filter(Q(last=None) | Q(last__lt=since))
    return [Quiet(sector.name, sector.last) for sector in sectors.order_by(F("last").asc(nulls_first=True), "order")]


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last of that month."""
    first = day.year * 12 + day.month - 1 - months
    period = Period(first // 12, first % 12 + 1)
    last = (period.next.first_day - period.first_day).days
    return period.first_day.replace(day=min(day.day, last))
