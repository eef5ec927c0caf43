"""The list of issues, and of each: where it stands, a plain report, and the certificate."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from newsletter.certificate import LISTED, certify, list_unknown, verify
from newsletter.desk.access import issue_context, visible_issue, visible_issues
from newsletter.models import Delivery, Issue
from newsletter.reporting import report

LATEST = 24  # issues: two years


def issues(request: HttpRequest) -> HttpResponse:
    """The latest issues, where each stands, and the way to its editor and report."""
    allowed = visible_issues(request.user).select_related("mailing").order_by("-period")[:LATEST]
    return render(request, "newsletter/admin/issues.html", {"issues": allowed, "page_title": "E-news"})


def overview(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Where an issue stands, and what can be done next."""
    issue = visible_issue(request, issue_id)
    context = issue_context(request, issue, "newsletter_issue", "E-news")
    return render(request, "newsletter/admin/issue.html", context)


def issue_report(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Counts per edition and item of one issue."""
    issue = visible_issue(request, issue_id)
    result = report(issue)
    states = [(state.value, state.label, result.certificate[state.value]) for state in Delivery.State]
    context = issue_context(request, issue, "newsletter_report", "Report")
    return render(request, "newsletter/admin/report.html", context | {"report": result, "states": states})


def issue_certificate(request: HttpRequest, issue_id: int) -> HttpResponse:
    """How every delivery of an issue ended, by state and edition, and whether the ledger is as it was sealed."""
    issue = visible_issue(request, issue_id)
    context = issue_context(request, issue, "newsletter_certificate", "Certificate")
    certified = _certified(issue) if context["mailing"] else {}
    return render(request, "newsletter/admin/certificate.html", context | certified)


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


urlpatterns = [
    path("", issues, name="newsletter_issues"),
    path("<int:issue_id>/", overview, name="newsletter_issue"),
    path("<int:issue_id>/report/", issue_report, name="newsletter_report"),
    path("<int:issue_id>/certificate/", issue_certificate, name="newsletter_certificate"),
]
