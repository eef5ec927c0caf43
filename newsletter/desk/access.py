"""Who may see an issue on the desk, and the way from one of its pages to the others."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from wagtail.permission_policies.pages import PagePermissionPolicy

from membership.models import User
from newsletter.models import Issue, Mailing


@dataclass(frozen=True)
class Tab:
    """One page of an issue."""

    name: str  # of its address
    label: str
    url: str
    current: bool


def visible_issues(user: Any) -> QuerySet[Issue]:
    """Issues, and corrections, that somebody may work on: the others they may not know of either."""
    pages = PagePermissionPolicy().instances_user_has_any_permission_for(user, {"change", "publish"})
    issues: QuerySet[Issue] = Issue.objects.filter(pk__in=pages.values("pk"))
    return issues


def visible_issue(request: HttpRequest, issue_id: int) -> Issue:
    """The issue, if the person may work on it. Raises Http404 or PermissionDenied."""
    issue = get_object_or_404(Issue, pk=issue_id)
    if not visible_issues(request.user).filter(pk=issue.pk).exists():
        raise PermissionDenied
    return issue


def staff(request: HttpRequest) -> User:
    """The person at the desk; Wagtail lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def may_approve(request: HttpRequest, issue: Issue) -> bool:
    """Whether somebody may approve issues and steer what is sent."""
    return bool(issue.permissions_for_user(request.user).may_approve())


def require_approver(request: HttpRequest, issue: Issue) -> None:
    if not may_approve(request, issue):
        raise PermissionDenied


def latest_draft(issue: Issue) -> Issue:
    """The version an editor last saved, which is what the desk's previews show until it is frozen."""
    if issue.get_mailing():
        return issue
    draft: Issue = issue.get_latest_revision_as_object()
    return draft


def issue_context(request: HttpRequest, issue: Issue, current: str, title: str) -> dict[str, Any]:
    """What every page of an issue shows around its own content (`newsletter/admin/issue_base.html`)."""
    mailing = issue.get_mailing()
    return {
        "issue": issue,
        "mailing": mailing,
        "page_title": f"{title}: {issue_title(issue)}",
        "tabs": _tabs(issue, mailing, current),
        "may_approve": may_approve(request, issue),
    }


def issue_title(issue: Issue) -> str:
    """“October 2026”, or “correction 1 of October 2026”."""
    number = issue.period[7:].removeprefix("-c")
    return f"correction {number} of {issue.month.title}" if number else issue.month.title


def _tabs(issue: Issue, mailing: Mailing | None, current: str) -> list[Tab]:
    before = {
        "newsletter_issue": "Overview",
        "newsletter_editions": "Who gets what",
        "newsletter_reader": "See as a reader",
        "newsletter_preflight": "Pre-flight",
    }
    after = {
        "newsletter_sending": "Sending",
        "newsletter_certificate": "Certificate",
        "newsletter_report": "Report",
        "newsletter_links": "Links",
    }
    approve = {} if mailing else {"newsletter_approve": "Approve and schedule"}
    sending = {"newsletter_sending": "Sending"} if issue.is_approved else {}
    names = {**before, **approve, **(after if mailing else sending)}
    if issue.is_correction:
        names.pop("newsletter_editions")
    return [Tab(name, label, reverse(name, args=[issue.pk]), name == current) for name, label in names.items()]
