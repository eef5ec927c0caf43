"""Keeping entries right: which of them are due to be checked, what their contacts said, and noting that one was."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, F, Max, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import Revision

from cms.models import AssuranceRequest, Entry
from cms.models.entry import REVIEW_AFTER
from cms.page_cache import forget_pages

SOON = timedelta(days=30)  # entries are listed, and their contacts asked, from this long before their day on
MONTHS = 6  # columns of the chart; what is due later is counted together
CHECKED, ASKED, DONE = "cms.care.check", "cms.care.ask", "cms.care.done"
# The address that confirms an entry: its own, or else the one a service is reached at.
CONTACT = Lower(Case(When(contact_email="", then=Coalesce(F("service__email"), Value(""))), default=F("contact_email")))


@dataclass(frozen=True)
class Counts:
    """How many live entries, or answers, each list of the report holds."""

    overdue: int
    soon: int
    answers: int


def with_contact(entries: "QuerySet[Entry]") -> "QuerySet[Entry]":
    """Annotate entries with `contact`, in lower case; empty where nobody can be asked."""
    return entries.annotate(contact=CONTACT)


def due_entries(show: str = "") -> "QuerySet[Entry]":
    """Live entries whose review is due, the longest first: `overdue`, `soon` (within 30 days), or both."""
    today = timezone.localdate()
    due = Entry.objects.live().filter(review_due__lte=today + SOON)
    if show == "overdue":
        due = due.filter(review_due__lt=today)
    elif show == "soon":
        due = due.filter(review_due__gte=today)
    return with_contact(due).order_by("review_due", "pk")


def open_answers() -> "QuerySet[AssuranceRequest]":
    """What contacts said has changed or gone and nobody has dealt with, the oldest first."""
    waiting = AssuranceRequest.objects.filter(done_at=None, answered_at__isnull=False)
    return waiting.select_related("entry").order_by("answered_at", "pk")


def latest_requests(entries: "list[Any]") -> dict[int, AssuranceRequest]:
    """The last mail to each entry's contact, by the entry's id, in one query."""
    pks = [entry.pk for entry in entries]
    newest = AssuranceRequest.objects.filter(entry__in=pks).values("entry").annotate(last=Max("pk")).values("last")
    return {one.entry_id: one for one in AssuranceRequest.objects.filter(pk__in=newest)}


def counts() -> Counts:
    """How long each list of the report is, in two queries."""
    today = timezone.localdate()
    due = Entry.objects.live().aggregate(
        overdue=Count("pk", filter=Q(review_due__lt=today)),
        soon=Count("pk", filter=Q(review_due__gte=today, review_due__lte=today + SOON)),
    )
    return Counts(**due, answers=open_answers().count())


def months_ahead() -> list[tuple[str, int]]:
    """Live entries by when they are due: overdue, this month, each of the next six, and later."""
    today = timezone.localdate()
    starts = [_month(today, ahead) for ahead in range(MONTHS + 2)]
    parts = {"overdue": Q(review_due__lt=today)}
    parts |= {
        f"m{ahead}": Q(review_due__gte=max(start, today), review_due__lt=starts[ahead + 1])
        for ahead, start in enumerate(starts[:-1])
    }
    parts["later"] = Q(review_due__gte=starts[-1])
    found = Entry.objects.live().aggregate(**{name: Count("pk", filter=part) for name, part in parts.items()})
    labels = ["Overdue", *(f"{start:%B %Y}" for start in starts[:-1]), "Later"]
    return list(zip(labels, found.values(), strict=True))


@transaction.atomic
def mark_checked(*, entry: Entry, by: Any = None) -> None:
    """Note that an entry was found right today: `assured_on` is today, the next check six months on.

    `by` is the editor; None when its contact said so. The page is changed as it is, without a new version, and so is
    every version that may still be published: otherwise publishing a draft would bring the old days back (ADR 19).
    No signal tells of it, so the pages that are kept are forgotten here.
    """
    today = timezone.localdate()
    page = Entry.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    days = {"assured_on": today, "review_due": today + REVIEW_AFTER}
    Entry.objects.filter(pk=page.pk).update(**days)
    # Locked before they are read: an editor who saves meanwhile would otherwise lose what was typed.
    for version in _versions_to_come(page).order_by("pk").select_for_update():
        version.content |= {name: day.isoformat() for name, day in days.items()}
        Revision.objects.filter(pk=version.pk).update(content=version.content)
    log(page.specific_deferred, CHECKED, user=by)
    forget_pages()


def mark_done(*, answer: AssuranceRequest, by: Any) -> bool:
    """Note that somebody dealt with what a contact said; return False if that was so already."""
    found = AssuranceRequest.objects.filter(pk=answer.pk, done_at=None, answered_at__isnull=False)
    if not found.update(done_at=timezone.now()):
        return False
    log(answer.entry.specific_deferred, DONE, user=by)
    return True


def _versions_to_come(page: Entry) -> "QuerySet[Revision]":
    """The draft, if there is one, and whatever is to be published at a time."""
    draft = Q(pk=page.latest_revision_id) if page.has_unpublished_changes else Q(pk=None)
    versions = Revision.page_revisions.filter(object_id=str(page.pk))
    return versions.filter(draft | Q(approved_go_live_at__isnull=False))


def _month(day: date, ahead: int) -> date:
    """The first day of the month that lies so many months ahead."""
    months = day.year * 12 + day.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)
