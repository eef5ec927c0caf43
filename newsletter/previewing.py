"""What a member would receive: the same rule that makes editions, asked before there is one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from django.utils import timezone
from django.utils.functional import cached_property

from cms.models import Entry
from membership.models import Audience
from newsletter.choosing import Choice
from newsletter.compiling import announced_before, interleaved
from newsletter.content import ItemContent
from newsletter.editions import IssueEditions
from newsletter.models import Issue, Item, Mailing, NewsletterSettings
from newsletter.periods import Period

# No month brings more; it bounds the work where a directory existed before the first e-news.
GATHERED_AT_MOST = 400
GONE = [Mailing.State.FINISHED, Mailing.State.CANCELLED]


class Source(StrEnum):
    """Which items a preview is made of."""

    PREPARED = "prepared"  # a draft or approved issue
    GATHERED = "gathered"  # what compiling would take today
    SENT = "sent"  # the latest issue that went out, when nothing newer is there


@dataclass(frozen=True)
class Preview:
    """What one audience would get. `later` is the month that a quarterly reader waits for, else empty: then `items`
    are those of this month's that the quarter's issue can hold."""

    source: Source
    month: str  # "October 2026"
    choice: Choice
    items: tuple[ItemContent, ...]
    more: int
    later: str = ""


class Upcoming:
    """The issue that comes next, loaded once (a fixed number of queries)."""

    def __init__(self, today: date | None = None) -> None:
        self.today = today or timezone.localdate()
        self.source, self.issue = self._find()

    @cached_property
    def editions(self) -> IssueEditions:
        # Of a published issue, `_find` gives the approved version, not the latest draft.
        return IssueEditions.approved(self.issue) if self.issue.live else IssueEditions(self.issue)

    @property
    def period(self) -> Period:
        return self.issue.month

    @property
    def coming(self) -> Period:
        """The month of the issue to be expected: that of the preview, unless that one has gone out."""
        return self.issue.month if self.source != Source.SENT else being_gathered(self.today)

    def preview(self, audience: Audience) -> Preview:
        """What this audience gets from it, by the rule that makes editions."""
        choice, later = self.editions.choose(audience), ""
        shown = choice
        if audience.quarterly and not self.period.ends_quarter:
            later = self.period.quarter_end.title
            shown = self.editions.choose(monthly(audience))
        content = self.editions.content(shown, greeting="", token="none")
        by_number = {item.number: item for item in content.items}
        items = tuple(by_number[place] for place in shown.items)
        return Preview(self.source, self.period.title, choice, items, shown.more, later)

    def _find(self) -> tuple[Source, Issue]:
        sent = Issue.objects.sent().order_by("-period").first()
        # A draft that was left lying while later issues went out is none that comes next.
        coming = Issue.objects.monthly().exclude(mailing__state__in=GONE).filter(period__gt=sent.period if sent else "")
        if issue := coming.order_by("-period").first():
            return Source.PREPARED, issue if issue.live else issue.get_latest_revision_as_object()
        period = being_gathered(self.today)
        fresh = announced_before(period).current(max(self.today, period.next.first_day))
        if pages := list(fresh[:GATHERED_AT_MOST]):
            return Source.GATHERED, unsaved_issue(period, interleaved(pages))
        return (Source.SENT, sent) if sent else (Source.GATHERED, unsaved_issue(period, []))


def being_gathered(today: date) -> Period:
    """The month for which entries are being gathered: last month until its issue has been compiled."""
    last = Period.containing(today).previous
    compiled = today.day >= NewsletterSettings.load().compile_day or Issue.objects.filter(period=str(last)).exists()
    return last.next if compiled else last


def unsaved_issue(period: Period, pages: Sequence[Entry]) -> Issue:
    """An issue that carries these pages, for looking at only."""
    issue = Issue(title="", slug=str(period), period=str(period), subject=period.title)
    issue.items = [
        Item(page=page, announcement=page.announced_on or period.first_day, section=page.kind, sort_order=place)
        for place, page in enumerate(pages)
    ]
    return issue


def monthly(audience: Audience) -> Audience:
    """The same choices, every month."""
    key = Audience.make_key(
        sectors=audience.sector_ids, region=audience.region_id, kinds=audience.kinds, searches=audience.searches
    )
    return Audience(key=key)


def first(preview: Preview, number: int) -> Preview:
    """The same preview with its first items only, the rest counted."""
    cut = len(preview.items) - number
    return replace(preview, items=preview.items[:number], more=preview.more + cut) if cut > 0 else preview
