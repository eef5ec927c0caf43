"""The editors' pages about issues in the Wagtail admin: the list, and a plain report."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from wagtail.permission_policies.pages import PagePermissionPolicy

from newsletter.models import Delivery, Issue
from newsletter.reporting import report

LATEST = 24  # issues: two years


def issues(request: HttpRequest) -> HttpResponse:
    """The latest issues, where each stands, and the way to its editor and report."""
    allowed = _visible_issues(request).select_related("mailing").order_by("-period")[:LATEST]
    return render(request, "newsletter/admin/issues.html", {"issues": allowed, "page_title": "E-news"})


def issue_report(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Counts per edition and item of one issue."""
    issue = get_object_or_404(Issue, pk=issue_id)
    if not _visible_issues(request).filter(pk=issue.pk).exists():
        raise PermissionDenied
    result = report(issue)
    states = [(state.value, state.label, result.certificate[state.value]) for state in Delivery.State]
    context = {"issue": issue, "report": result, "states": states, "page_title": f"Report: {issue.month.title}"}
    return render(request, "newsletter/admin/report.html", context)


def _visible_issues(request: HttpRequest):  # type: ignore[no-untyped-def]
    """Issues that the person may work on."""
    pages = PagePermissionPolicy(Issue).instances_user_has_any_permission_for(request.user, {"change", "publish"})
    return Issue.objects.filter(pk__in=pages.values("pk"))
