"""Compiling: what was published becomes the draft of an issue."""

from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import DateField, Exists, F, OuterRef
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone
from wagtail.log_actions import log

from cms.models import Entry, Kind
from cms.querysets import EntryQuerySet
from newsletter.models import ENewsPage, Issue, Item, NewsletterSettings
from newsletter.periods import Period


class IssueError(Exception):
    """The issue cannot do that now: one sentence that says why, and what to do."""


@dataclass(frozen=True)
class LeftOut:
    """An entry that was new but not taken, and why."""

    page: int
    title: str
    reason: str


@dataclass(frozen=True)
class Compiled:
    """What compiling found: the issue (None when there was nothing to put into one), added and left-out entries."""

    period: str
    issue: Issue | None
    added: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


def compile_issue(period: Period) -> Compiled:
    """Gather what was published before the month's end and no issue has carried into that month's draft.

    May be run again: newcomers are added at the end, the editors' work is left alone, and so is whatever they
    removed. An empty month makes no issue. Raises IssueError when the month has not begun, or the issue is approved.
    """
    today = timezone.localdate()
    if period > Period.containing(today):
        raise IssueError(f"{period.title} has not begun: compile it from {period.first_day:%d.%m.%Y} on.")
    with transaction.atomic():
        issue = Issue.objects.filter(period=str(period)).first()
        if issue and issue.live:
            raise IssueError(f"The issue {period} is approved already: unpublish it first if more must go into it.")
        if issue and issue.get_mailing():
            raise IssueError(f"The issue {period} has been frozen for sending: what is new goes into the next one.")
        fresh = announced_before(period)
        # A late compile judges by the day it happens, an early one by the day the issue will be read.
        usable_on = max(today, period.next.first_day)
        taken = list(fresh.current(usable_on))
        left_out = _explain(fresh.exclude(pk__in=[page.pk for page in taken]), usable_on)
        if not issue and not taken:
            return Compiled(str(period), None, 0, left_out)
        issue = issue or _new_issue(period)
        _add_items(issue, interleaved(taken))
        return Compiled(str(period), issue, len(taken), left_out)


def announced_before(period: Period) -> EntryQuerySet:
    """Entries announced before the end of the month (Europe/London) that no issue has carried yet."""
    london = ZoneInfo(settings.TIME_ZONE)
    announced = Coalesce(
        F("significant_update_on"), TruncDate("first_published_at", tzinfo=london), output_field=DateField()
    )
    # An announcement that was taken back lies before the one that was carried: it is no news either.
    carried = Item.objects.filter(page=OuterRef("pk"), announcement__gte=OuterRef("announced"))
    entries = (
        Entry.objects.published_before(period.cutoff)
        .annotate(announced=announced)
        .filter(~Exists(carried), announced__lt=period.next.first_day)
        .order_by("-announced", "-pk")
    )
    since = NewsletterSettings.load().announce_since
    return entries.filter(announced__gte=since) if since else entries


def interleaved(entries: list[Entry]) -> list[Entry]:
    """Deal the kinds out in turn, so that an edition cut at its limit still holds something of each.

    Within a kind the newest comes first, and what has a date (events, deadlines) by that date.
    """
    piles = [
        sorted((page for page in entries if page.kind == kind.value), key=lambda page: page.key_date or date.min)
        for kind in Kind
    ]
    return [page for row in zip_longest(*piles) for page in row if page]


def _explain(entries: EntryQuerySet, today: date) -> list[LeftOut]:
    def reason(page: Entry) -> str:
        if page.expires_on and page.expires_on < today:
            return "past" if page.kind == Kind.EVENT else "closed"
        return "overdue for review"

    return [LeftOut(page.pk, page.title, reason(page)) for page in entries]


def _new_issue(period: Period) -> Issue:
    issue = Issue(
        title=f"i-HOP e-news, {period.title}",
        slug=str(period),
        period=str(period),
        subject=f"i-HOP e-news: what is new in {period.title}",
        preheader="New resources, services, training and events for people like you, near you.",
        live=False,
    )
    archive_page().add_child(instance=issue)
    return issue


def _add_items(issue: Issue, pages: list[Entry]) -> None:
    """Reserve the entries in the table (one item per page across issues), and add them to the latest draft."""
    draft = issue.get_latest_revision_as_object()
    in_draft = list(draft.items.all())
    last = max((item.sort_order or 0 for item in in_draft), default=-1)
    added = Item.objects.bulk_create(
        Item(issue=issue, page=page, announcement=page.announced, section=page.kind, sort_order=place)
        for place, page in enumerate(pages, start=last + 1)
    )
    for item in added:
        item.sectors.set([])  # none of its own yet: said here, it need not be asked of the database item by item
    draft.items.set([*in_draft, *added])
    draft.save_revision(changed=bool(added))
    log(draft, "newsletter.compile", data={"added": len(added)})


def archive_page() -> ENewsPage:
    """The page under which issues live. Raises IssueError when an administrator has deleted it."""
    page = ENewsPage.objects.first()
    if not page:
        raise IssueError("There is no e-news page: run `python manage.py migrate` to have it made.")
    return page
