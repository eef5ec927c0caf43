"""Who gets what: a table of items and readers, the editions that come of it, and what has changed since it was seen."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_POST
from wagtail.log_actions import log

from cms.models import Region, Sector
from newsletter.approving import version_of
from newsletter.desk.access import issue_context, latest_draft, staff, visible_issue
from newsletter.differences import difference, keep, take
from newsletter.editions import IssueEditions
from newsletter.matrix import by_region, by_sector
from newsletter.models import Issue, Mailing, SeenEditions
from newsletter.readership import Crowd, foresee, look_back

PAGE = "newsletter_editions"
APPROVED = "approved"  # the version that a second person approved, in the address


@dataclass(frozen=True)
class Version:
    """What is shown of an issue. `approved` says whether it is the approved version; `differs`, whether another could
    be shown."""

    editions: IssueEditions
    approved: bool = False
    differs: bool = False


def editions(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Items against sectors or regions, the editions, and the changes. `view`, `region`, `sector`, `version` and
    `since` in the address choose; what is unknown is ignored."""
    issue = visible_issue(request, issue_id)
    if issue.is_correction:  # it goes to exactly those who had the item: there is nothing to choose
        return redirect("newsletter_issue", issue.pk)
    context = issue_context(request, issue, PAGE, "Who gets what")
    version = _version(issue, context["mailing"], request.GET.get("version", ""))
    crowd = Crowd.today()
    version.editions.prepare(crowd.members)
    frozen = bool(context["mailing"])
    context |= {
        "version": version,
        "limit": version.editions.limit,
        "readership": look_back(issue, version.editions.limit) if frozen else foresee(version.editions, crowd),
        **_table(request, version.editions, crowd),
        **({} if frozen else _changes(request, issue, version, crowd)),
    }
    return render(request, "newsletter/admin/editions.html", context)


@require_POST
def mark_seen(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Keep who gets what in the draft that was looked at, so that the next look can say what has changed."""
    issue = visible_issue(request, issue_id)
    if issue.is_correction or issue.get_mailing():
        messages.error(request, "This issue has been fixed for sending: its editions do not change any more.")
    elif request.POST.get("version") != version_of(issue):
        messages.error(request, "The issue was changed while you were looking at it: look at it again.")
    else:
        keep(issue, IssueEditions(latest_draft(issue)), SeenEditions.Why.SEEN, staff(request))
        log(issue, "newsletter.seen", user=request.user)
        messages.success(request, "Marked as seen. From now on this page says what has changed since.")
    return redirect(PAGE, issue.pk)


def _version(issue: Issue, mailing: Mailing | None, asked: str) -> Version:
    """The latest draft; of an approved issue the approved version when it is asked for, or says the same."""
    if mailing:
        return Version(IssueEditions.approved(issue), approved=True)
    draft = IssueEditions(latest_draft(issue))
    if not issue.live:
        return Version(draft)
    approved = IssueEditions.approved(issue)
    differs = issue.has_unpublished_changes or (draft.limit, draft.pages) != (approved.limit, approved.pages)
    if asked == APPROVED or not differs:
        return Version(approved, approved=True, differs=differs)
    return Version(draft, differs=True)


def _table(request: HttpRequest, editions: IssueEditions, crowd: Crowd) -> dict[str, Any]:
    """The table that is asked for, and what else could be."""
    if request.GET.get("view") == "regions":
        sectors = list(Sector.objects.all())
        sector = next((one for one in sectors if one.slug == request.GET.get("sector")), None)
        matrix = by_region(editions, crowd, sector.pk if sector else None)
        return {"view": "regions", "choices": sectors, "chosen": sector, "matrix": matrix}
    regions = list(Region.objects.all())
    region = next((one for one in regions if one.slug == request.GET.get("region")), None)
    matrix = by_sector(editions, crowd, region.pk if region else None)
    return {"view": "sectors", "choices": regions, "chosen": region, "matrix": matrix}


def _changes(request: HttpRequest, issue: Issue, version: Version, crowd: Crowd) -> dict[str, Any]:
    """What differs from what this person last marked as seen, or from the last approval."""
    mine = Q(why=SeenEditions.Why.SEEN, by=staff(request))
    looks = SeenEditions.objects.filter(mine | Q(why=SeenEditions.Why.APPROVED), issue=issue)
    bases = {one.why: one for one in looks.order_by("at", "pk").defer("editions")}
    since = bases.get(request.GET.get("since", "")) or bases.get("seen") or bases.get("approved")
    if not since:
        return {"bases": bases, "seen_version": version_of(issue)}
    changes = difference(since.editions, take(version.editions, crowd.members), crowd.by_audience)
    audiences = {audience.pk: audience for audience in crowd.members}
    changed = [(change, version.editions.label(audiences[change.audience])) for change in changes.changes]
    words = "it was approved" if since.why == SeenEditions.Why.APPROVED else "you marked it as seen"
    on = date_format(timezone.localtime(since.at), "j F Y, H:i")
    shown = {"seen_version": version_of(issue), "bases": bases, "since": since, "since_words": f"{words} on {on}"}
    return shown | {"changes": changes, "changed": changed}


urlpatterns = [
    path("<int:issue_id>/editions/", editions, name=PAGE),
    path("<int:issue_id>/editions/seen/", mark_seen, name="newsletter_mark_seen"),
]
