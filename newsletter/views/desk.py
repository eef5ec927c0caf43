"""The editors' pages about issues in the Wagtail admin: the list, a plain report, and the certificate."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from wagtail.permission_policies.pages import PagePermissionPolicy

from newsletter.certificate import LISTED, certify, list_unknown, verify
from newsletter.models import Delivery, Issue
from newsletter.reporting import report

LATEST = 24  # issues: two years


def issues(request: HttpRequest) -> HttpResponse:
    """The latest issues, where each stands, and the way to its editor and report."""
    allowed = _visible_issues(request).select_related("mailing").order_by("-period")[:LATEST]
    return render(request, "newsletter/admin/issues.html", {"issues": allowed, "page_title": "E-news"})


def issue_report(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Counts per edition and item of one issue."""
    issue = _visible_issue(request, issue_id)
    result = report(issue)
    states = [(state.value, state.label, result.certificate[state.value]) for state in Delivery.State]
    context = {"issue": issue, "report": result, "states": states, "page_title": f"Report: {issue.month.title}"}
    return render(request, "newsletter/admin/report.html", context)


def issue_certificate(request: HttpRequest, issue_id: int) -> HttpResponse:
    """How every delivery of an issue ended, by state and edition, and whether the ledger is as it was sealed."""
    issue = _visible_issue(request, issue_id)
    mailing = issue.get_mailing()
    context = {"issue": issue, "mailing": mailing, "page_title": f"Certificate: {issue.month.title}"}
    return render(request, "newsletter/admin/certificate.html", context | (_certified(issue) if mailing else {}))


def _certified(issue: Issue) -> dict[str, Any]:
    certificate, seal = certify(issue), verify(issue)
    states = certificate.states
    used = [state for state in Delivery.State if states[state]]
    return {
        "certificate": certificate,
        "seal": seal,
        "settled": seal.settled[:LISTED],
        "unknown": list_unknown(issue),
        "unknown_count": states[Delivery.State.UNKNOWN],
        "listed": LISTED,
        "rows": [(one.label, states[one], _share(states[one], certificate.frozen)) for one in Delivery.State],
        "columns": [state.label for state in used],
        "editions": [(one, [one.states[state] for state in used]) for one in certificate.editions],
    }


def _share(count: int, total: int) -> str:
    """Percent, as the width of a bar."""
    return f"{min(100, 100 * count / total):.2f}" if total else "0"


def _visible_issue(request: HttpRequest, issue_id: int) -> Issue:
    """The issue, if the person may work on it: otherwise they may not know what became of it either."""
    issue = get_object_or_404(Issue, pk=issue_id)
    if not _visible_issues(request).filter(pk=issue.pk).exists():
        raise PermissionDenied
    return issue


def _visible_issues(request: HttpRequest):  # type: ignore[no-untyped-def]
    """Issues that the person may work on. Wagtail's permissions are those of pages in general, hence no model here."""
    pages = PagePermissionPolicy().instances_user_has_any_permission_for(request.user, {"change", "publish"})
    return Issue.objects.filter(pk__in=pages.values("pk"))
