"""Compiling: what was published becomes the draft of an issue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import DateField, Exists, F, OuterRef, QuerySet
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone
from wagtail.log_actions import log

from cms.models import Entry, Kind
from cms.open_data import open_entries
from cms.querysets import EntryQuerySet
from membership.models import User
from newsletter.interest import interest_in
from newsletter.models import ENewsPage, Issue, Item, NewsletterSettings
from newsletter.periods import Period


class IssueError(Exception):
    """The issue cannot do that now: one sentence that says why, and what to do."""


@dataclass(frozen=True)
class LeftOut:
    """An entry of the month, or one still waiting, that was not taken, and why."""

    page: int
    title: str
    reason: str


@dataclass(frozen=True)
class Gathered:
    """What compiling a month takes, in the order of the issue, and what it leaves out. `refusal` says why the month
    cannot be compiled now, else it is empty."""

    period: Period
    issue: Issue | None
    refusal: str
    taken: list[Entry] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    why: dict[int, str] = field(default_factory=dict)  # by entry: why it stands where it does, if not as usual


@dataclass(frozen=True)
class Compiled:
    """What compiling found: the issue (None when there was nothing to put into one), added and left-out entries, and
    whether this call made the issue."""

    period: str
    issue: Issue | None
    added: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    made: bool = False


@dataclass(frozen=True)
class DraftItem:
    """An item as the latest draft has it; `item` None for one that was added by hand and is not in the table yet."""

    item: int | None
    page: int | None
    left_out: bool
    pinned: bool


def compile_issue(period: Period, *, by: User | None = None) -> Compiled:
    """Gather what was published before the month's end and no issue has carried into that month's draft.

    May be run again, and by two at once: newcomers are added at the end, the editors' work is left alone, and so is
    whatever they removed. An empty month makes no issue. The log says that it was `by`; the draft is nobody's, since
    pressing a button shapes nothing (`approving.had_a_hand_in`). Raises IssueError when the month has not begun, or the
    issue is approved.
    """
    with transaction.atomic():
        archive = ENewsPage.objects.select_for_update(of=("self",)).first() or archive_page()
        Issue.objects.select_for_update(of=("self",)).filter(period=str(period)).first()  # nobody approves it meanwhile
        found = gather(period)
        if found.refusal:
            raise IssueError(found.refusal)
        if not found.issue and not found.taken:
            return Compiled(str(period), None, 0, found.left_out)
        issue = found.issue or _new_issue(period, archive)
        _add_items(issue, found.taken, by, len(found.left_out))
        return Compiled(str(period), issue, len(found.taken), found.left_out, made=not found.issue)


def gather(period: Period, *, at_most: int | None = None) -> Gathered:
    """Read what compiling a month would do, and change nothing: a fixed number of queries.

    `at_most` bounds the entries taken and each of the lists of those left out, for looking at only.
    """
    today = timezone.localdate()
    if period > Period.containing(today):
        return Gathered(period, None, f"{period.title} has not begun: compile it from {period.first_day:%d.%m.%Y} on.")
    issue = Issue.objects.select_related("mailing", "latest_revision").filter(period=str(period)).first()
    if refusal := _refusal(issue):
        return Gathered(period, issue, refusal)
    fresh = announced_before(period).defer("body")
    # A late compile judges by the day it happens, an early one by the day the issue will be read.
    usable_on = max(today, period.next.first_day)
    useless = fresh.exclude(pk__in=announced_before(period).current(usable_on).order_by().values("pk"))
    by_hand = _left_out_by_hand(issue) if issue else []
    taken = list(fresh.current(usable_on)[:at_most])
    interest = interest_in(taken, period) if NewsletterSettings.load().order_by_interest else {}
    return Gathered(
        period,
        issue,
        "",
        interleaved(taken, {pk: one.share for pk, one in interest.items()}),
        [*_explain(useless[:at_most], usable_on), *by_hand[:at_most], *_carried_elsewhere(period)[:at_most]],
        {pk: one.why for pk, one in interest.items()},
    )


def announced_before(period: Period) -> EntryQuerySet:
    """Entries announced before the end of the month (Europe/London) that no issue has carried yet."""
    london = ZoneInfo(settings.TIME_ZONE)
    announced = Coalesce(
        F("significant_update_on"), TruncDate("first_published_at", tzinfo=london), output_field=DateField()
    )
    # An announcement that was taken back lies before the one that was carried: it is no news either.
    carried = Item.objects.filter(page=OuterRef("pk"), announcement__gte=OuterRef("announced"))
    entries = (
        open_entries()
        .published_before(period.cutoff)
        .annotate(announced=announced)
        .filter(~Exists(carried), announced__lt=period.next.first_day)
        .order_by("-announced", "-pk")
    )
    since = NewsletterSettings.load().announce_since
    return entries.filter(announced__gte=since) if since else entries


def interleaved(entries: list[Entry], interest: Mapping[int, float] | None = None) -> list[Entry]:
    """Deal the kinds out in turn, so that an edition cut at its limit still holds something of each.

    Within a kind the newest comes first, and what has a date (events, deadlines) by that date. With `interest`, by
    entry, what is of more comes first within its kind, and in each turn; what is of the same stays as usual.
    """

    def less(page: Entry) -> float:
        return -interest.get(page.pk, 0) if interest else 0

    usual = sorted(entries, key=lambda page: page.key_date or date.min)
    piles = [sorted((page for page in usual if page.kind == kind.value), key=less) for kind in Kind]
    return [page for turn in zip_longest(*piles) for page in sorted(filter(None, turn), key=less)]


def _explain(entries: Iterable[Entry], today: date) -> list[LeftOut]:
    def reason(page: Entry) -> str:
        if page.expires_on and page.expires_on < today:
            return "past" if page.kind == Kind.EVENT else "closed"
        return "overdue for review"

    return [LeftOut(page.pk, page.title, reason(page)) for page in entries]


def _carried_elsewhere(period: Period) -> list[LeftOut]:
    """Entries announced in the month that another month's issue has taken."""
    others = Item.objects.filter(
        announcement__gte=period.first_day, announcement__lt=period.next.first_day, issue__corrects__isnull=True
    ).exclude(issue__period=str(period))
    rows = others.filter(page__live=True).order_by("-announcement", "-page")
    return [
        LeftOut(page, title, f"{'left out by hand' if left_out else 'already carried'} in {Period.parse(name).title}")
        for page, title, name, left_out in rows.values_list("page", "page__title", "issue__period", "left_out")
    ]


def _left_out_by_hand(issue: Issue) -> list[LeftOut]:
    rows = draft_items(issue)
    reasons = {row.page: "left out by hand" for row in rows if row.left_out}
    reasons |= dict.fromkeys(missing_items(issue).values_list("page", flat=True), "taken out of the draft by hand")
    titles = Entry.objects.filter(pk__in=[page for page in reasons if page]).order_by("title")
    return [LeftOut(page, title, reasons[page]) for page, title in titles.values_list("pk", "title")]


def draft_items(issue: Issue) -> list[DraftItem]:
    """The items of the latest draft, in its order, read without building each of them."""
    if not issue.latest_revision:
        rows = Item.objects.filter(issue=issue).order_by("sort_order", "pk")
        return [DraftItem(*row) for row in rows.values_list("pk", "page", "left_out", "pinned")]
    return [
        DraftItem(row["pk"], row["page"], row["left_out"], row["pinned"])
        for row in issue.latest_revision.content.get("items", [])
    ]


def _refusal(issue: Issue | None) -> str:
    if issue and issue.live:
        return f"The issue {issue.period} is approved already: unpublish it first if more must go into it."
    if issue and issue.get_mailing():
        return f"The issue {issue.period} has been frozen for sending: what is new goes into the next one."
    return ""


def _new_issue(period: Period, archive: ENewsPage) -> Issue:
    issue = Issue(
        title=f"i-HOP e-news, {period.title}",
        slug=str(period),
        period=str(period),
        subject=f"i-HOP e-news: what is new in {period.title}",
        preheader="New resources, services, training and events for people like you, near you.",
        live=False,
    )
    archive.add_child(instance=issue)
    return issue


def _add_items(issue: Issue, pages: list[Entry], by: User | None, left_out: int) -> None:
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
    log(draft, "newsletter.compile", user=by, data={"added": len(added), "left_out": left_out})


@transaction.atomic
def put_back(issue: Issue, *, by: User) -> int:
    """Add compiled items that the latest draft no longer holds at its end, as `by`; return how many.

    Raises IssueError when the issue is approved or frozen.
    """
    issue = Issue.objects.select_for_update(of=("self",)).get(pk=issue.pk)
    if refusal := _refusal(issue):
        raise IssueError(refusal)
    draft = issue.get_latest_revision_as_object()
    in_draft = list(draft.items.all())
    missing = list(missing_items(issue).prefetch_related("sectors"))
    last = max((item.sort_order or 0 for item in in_draft), default=-1)
    for place, item in enumerate(missing, start=last + 1):
        item.sort_order = place
    if missing:
        draft.items.set([*in_draft, *missing])
        revision = draft.save_revision(user=by)
        log(draft, "wagtail.edit", user=by, revision=revision)
    return len(missing)


def missing_items(issue: Issue) -> QuerySet[Item]:
    """Compiled items that the latest draft does not hold: taken out, or lost when somebody saved an older version."""
    rows = draft_items(issue)
    compiled = Item.objects.filter(issue=issue, page__isnull=False).exclude(
        pk__in=[row.item for row in rows if row.item]
    )
    # Somebody may have chosen the same entry by hand again.
    return compiled.exclude(page__in=[row.page for row in rows if row.page]).order_by("sort_order", "pk")


def archive_page() -> ENewsPage:
    """The page under which issues live. Raises IssueError when an administrator has deleted it."""
    page = ENewsPage.objects.first()
    if not page:
        raise IssueError("There is no e-news page: run `python manage.py migrate` to have it made.")
    return page
