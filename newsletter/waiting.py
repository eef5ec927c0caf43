"""What waits for somebody: entries for the next issue, quiet sectors, submissions and reviews. Bounded reads only."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, DateField, F, IntegerField, Max, Q, QuerySet
from django.db.models.functions import Cast, Coalesce, TruncDate
from wagtail.models import Page, WorkflowState
from wagtail.permission_policies.pages import PagePermissionPolicy

from cms.models import Entry, Sector
from cms.querysets import EntryQuerySet
from newsletter.compiling import announced_before
from newsletter.periods import Period
from newsletter.previewing import being_gathered

NAMED = 5  # entries overdue for review that are named; the others are counted


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


@dataclass(frozen=True)
class Overdue:
    """Entries whose review is overdue: how many, and those that have waited longest."""

    count: int
    longest: list[Entry]


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


def submissions(user: Any) -> int:
    """How many entries that somebody may edit are being looked at in a workflow."""
    states = WorkflowState.objects.filter(
        status=WorkflowState.STATUS_IN_PROGRESS, base_content_type=ContentType.objects.get_for_model(Page)
    )
    pages = states.annotate(entry=Cast("object_id", IntegerField())).values("entry")
    return _editable(user).filter(pk__in=pages).count()


def overdue_reviews(user: Any, today: date) -> Overdue:
    """Published entries that somebody may edit and that ought to have been checked again before today."""
    late = _editable(user).live().filter(review_due__lt=today)
    return Overdue(late.count(), list(late.defer("body").order_by("review_due", "pk")[:NAMED]))


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last of that month."""
    first = day.year * 12 + day.month - 1 - months
    period = Period(first // 12, first % 12 + 1)
    last = (period.next.first_day - period.first_day).days
    return period.first_day.replace(day=min(day.day, last))


def _editable(user: Any) -> EntryQuerySet:
    pages: QuerySet[Page] = PagePermissionPolicy().instances_user_has_any_permission_for(user, {"change", "publish"})
    found: EntryQuerySet = Entry.objects.filter(pk__in=pages.values("pk"))
    return found
