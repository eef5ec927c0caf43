"""Approving an issue, and saying when it is sent: what a second person looks at, and answers for."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST

from membership.models import User
from newsletter.approving import NotAcknowledged, approve, check_approver, version_of, withdraw
from newsletter.compiling import IssueError
from newsletter.desk.access import issue_context, latest_draft, require_approver, staff, visible_issue
from newsletter.models import Issue, Schedule
from newsletter.preflight import Level, preflight
from newsletter.reach import mailable
from newsletter.scheduling import schedule, unschedule, usual_moment
from newsletter.wording import approval_of

PAGE = "newsletter_approve"


class MomentForm(forms.Form):
    """When an issue is sent, in London time."""

    send_at = forms.DateTimeField(
        label="Send it on",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )


def approval(request: HttpRequest, issue_id: int) -> HttpResponse:
    """What the pre-flight found, who it goes to and when; the button, or why there is none for this person."""
    issue = visible_issue(request, issue_id)
    return render(request, "newsletter/admin/approve.html", _context(request, issue))


@require_POST
def give(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Approve the draft that was looked at, and schedule it unless that is left for later."""
    issue = visible_issue(request, issue_id)
    require_approver(request, issue)
    form = MomentForm(request.POST)
    planned = request.POST.get("when") != "later"
    if planned and not form.is_valid():
        return _again(request, issue, "Say when it is to be sent: a day and an hour.")
    try:
        version, acknowledged = request.POST.get("version", ""), request.POST.getlist("acknowledge")
        approve(issue, by=staff(request), version=version, acknowledged=acknowledged)
    except NotAcknowledged as error:
        return _again(request, issue, f"{error} Tick each warning that you answer for.")
    except IssueError as error:
        return _again(request, issue, str(error))
    messages.success(request, f"The issue {issue.period} is approved. What you saw is what will be sent.")
    if planned:
        _schedule(request, issue, form)
    return redirect(PAGE, issue.pk)


@require_POST
def set_moment(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Schedule an approved issue, or take its moment away."""
    issue = visible_issue(request, issue_id)
    require_approver(request, issue)
    if "unschedule" in request.POST:
        try:
            unschedule(issue, by=staff(request))
            messages.success(request, "It has no date any more. It stays approved, and waits.")
        except IssueError as error:
            messages.error(request, str(error))
        return redirect(PAGE, issue.pk)
    form = MomentForm(request.POST)
    if not form.is_valid():
        return _again(request, issue, "Say when it is to be sent: a day and an hour.")
    _schedule(request, issue, form)
    return redirect(PAGE, issue.pk)


@require_POST
def take_back(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Withdraw an approval: the issue is a draft again."""
    issue = visible_issue(request, issue_id)
    require_approver(request, issue)
    try:
        withdraw(issue, by=staff(request), reason=request.POST.get("reason", "")[:200])
    except IssueError as error:
        return _again(request, issue, str(error))
    messages.success(request, "The approval is withdrawn: the issue is a draft again, and will not be sent.")
    return redirect(PAGE, issue.pk)


@require_POST
def ask(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Submit the draft to the workflow: those who may approve are told."""
    issue = visible_issue(request, issue_id)
    workflow = issue.get_workflow()
    if not workflow or not issue.permissions_for_user(request.user).can_submit_for_moderation():
        raise PermissionDenied
    workflow.start(issue, staff(request))
    messages.success(request, "Your colleagues have been asked to look at it.")
    return redirect(PAGE, issue.pk)


def _schedule(request: HttpRequest, issue: Issue, form: MomentForm) -> None:
    try:
        planned = schedule(issue, form.cleaned_data["send_at"], by=staff(request))
    except IssueError as error:
        messages.error(request, str(error))
        return
    when = timezone.localtime(planned.send_at)
    messages.success(request, f"It will be sent on {when:%A} {when.day} {when:%B %Y} at {when:%H:%M}.")


def _again(request: HttpRequest, issue: Issue, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return render(request, "newsletter/admin/approve.html", _context(request, issue), status=422)


def _context(request: HttpRequest, issue: Issue) -> dict[str, Any]:
    issue = Issue.objects.get(pk=issue.pk)
    context = issue_context(request, issue, PAGE, "Approve and schedule")
    planned = Schedule.objects.filter(pk=issue.pk).select_related("by").first()
    moment = MomentForm(
        initial={"send_at": timezone.localtime(planned.send_at if planned else usual_moment(issue))},
        data=request.POST if "send_at" in request.POST else None,
    )
    context |= {
        "schedule": planned,
        "moment": moment,
        "mailable": mailable(issue),
        "approval": approval_of(issue),
        "needs_approval": not issue.live or issue.has_unpublished_changes,
        "acknowledged": request.POST.getlist("acknowledge"),
    }
    if context["mailing"] or not context["needs_approval"]:
        return context
    findings = preflight(latest_draft(issue))
    return context | {
        "findings": findings,
        "version": version_of(issue),
        "errors": [one for one in findings if one.level == Level.ERROR],
        "acknowledgeable": context["may_approve"],
        "obstacle": _obstacle(issue, staff(request)),
        "may_ask": not context["may_approve"] and issue.permissions_for_user(request.user).can_submit_for_moderation(),
        "asked": issue.workflow_in_progress,
    }


def _obstacle(issue: Issue, person: User) -> str:
    try:
        check_approver(issue, person)
    except IssueError as error:
        return str(error)
    return ""


urlpatterns = [
    path("<int:issue_id>/approve/", approval, name=PAGE),
    path("<int:issue_id>/approve/give/", give, name="newsletter_approve_give"),
    path("<int:issue_id>/approve/schedule/", set_moment, name="newsletter_schedule"),
    path("<int:issue_id>/approve/withdraw/", take_back, name="newsletter_withdraw"),
    path("<int:issue_id>/approve/ask/", ask, name="newsletter_ask"),
]
