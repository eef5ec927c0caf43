"""An issue at a glance: the steps it has taken, what comes next for this person, what has changed behind its back."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST
from wagtail.models import PageLogEntry

from newsletter.approving import had_a_hand_in
from newsletter.compiling import IssueError, missing_items, put_back
from newsletter.desk.access import issue_context, staff, visible_issue, visible_issues
from newsletter.desk.steps import Person, next_act, steps
from newsletter.drifting import count_items, drift
from newsletter.models import Issue, NewsletterSettings
from newsletter.standing import sent_counts, standing, with_standing
from newsletter.wording import approval_of

PAGE = "newsletter_issue"
ENTRIES_OF_LOG = 30
LISTED = 50  # entries that have changed, and items that are missing


def overview(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Where an issue stands, who did what, and the one thing that this person can do next."""
    visible_issue(request, issue_id)
    chosen_issues = with_standing(visible_issues(request.user)).select_related("mailing", "schedule", "latest_revision")
    issue = chosen_issues.get(pk=issue_id)
    chosen = NewsletterSettings.load()
    approval = approval_of(issue)
    stands = standing(issue, chosen)
    frozen = bool(getattr(issue, "mailing", None))
    drifted = drift(issue, approval) if approval and not frozen else []
    missing = [] if issue.live or frozen else list(missing_items(issue).select_related("page"))
    person = _person(request, issue)
    context = issue_context(request, issue, PAGE, "E-news") | {
        "standing": stands,
        "sent": sent_counts([issue]).get(issue.pk),
        "steps": steps(issue, stands, approval),
        "act": next_act(issue, person),
        "counts": count_items(issue),
        "approval": approval,
        "drifted": drifted[:LISTED],
        "missing": missing[:LISTED],
        "missing_count": len(missing),
        "may_shape": person.may_shape,
        "log": PageLogEntry.objects.filter(page=issue.pk)
        .select_related("user")
        .order_by("-timestamp")[:ENTRIES_OF_LOG],
        "planned_compile": issue.month.next.first_day.replace(day=chosen.compile_day),
    }
    return render(request, "newsletter/admin/issue.html", context)


@require_POST
def restore(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Put compiled items that the draft has lost back at its end."""
    issue = visible_issue(request, issue_id)
    if not issue.permissions_for_user(request.user).can_edit():
        raise PermissionDenied
    try:
        number = put_back(issue, by=staff(request))
        messages.success(request, f"{number} item{'' if number == 1 else 's'} put back at the end of the draft.")
    except IssueError as error:
        messages.error(request, str(error))
    return redirect(PAGE, issue.pk)


def _person(request: HttpRequest, issue: Issue) -> Person:
    allowed = issue.permissions_for_user(request.user)
    kept_out = settings.APPROVER_MUST_DIFFER and had_a_hand_in(issue, staff(request))
    return Person(
        may_shape=allowed.can_edit(),
        may_ask=allowed.can_submit_for_moderation(),
        may_steer=allowed.may_approve(),
        may_approve=allowed.may_approve() and not kept_out,
    )


urlpatterns = [
    path("<int:issue_id>/", overview, name=PAGE),
    path("<int:issue_id>/put-back/", restore, name="newsletter_put_back"),
]
