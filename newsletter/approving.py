"""Approving: a second person publishes the issue, in the workflow when it was submitted to one."""

from django.conf import settings
from django.db import transaction
from wagtail.log_actions import log
from wagtail.models import Revision

from membership.models import User
from newsletter.compiling import IssueError
from newsletter.editions import IssueEditions
from newsletter.models import Issue


@transaction.atomic
def approve(issue: Issue, *, by: User) -> Issue:
    """Approve the latest draft, as `by`, and return the published issue. An approved issue is left as it is.

    Raises IssueError when `by` may not approve, wrote the draft themselves, or the draft has nothing to send.
    """
    if issue.live and not issue.has_unpublished_changes:
        return issue
    if not by.is_active or not issue.permissions_for_user(by).can_publish():
        raise IssueError("This person may not approve issues: choose somebody from the Approvers group.")
    revision: Revision = issue.latest_revision or issue.save_revision()
    if settings.APPROVER_MUST_DIFFER and _had_a_hand_in(issue, by):
        raise IssueError("Whoever shaped the issue cannot approve it: ask a colleague.")
    if not IssueEditions(revision.as_object()).items:
        raise IssueError(f"The issue {issue.period} has no items: compile it, or add some, before approving.")
    state = issue.current_workflow_state
    if state and state.current_task_state:
        state.current_task_state.approve(user=by)
    else:
        revision.publish(user=by)
    issue.refresh_from_db()
    log(issue, "newsletter.approve", user=by, revision=revision)
    return issue


def _had_a_hand_in(issue: Issue, person: User) -> bool:
    """Whether any version since the last approval is theirs: compiling again must not wash anybody's hands."""
    versions = Revision.page_revisions.filter(object_id=str(issue.pk), user=person)
    if issue.last_published_at:
        versions = versions.filter(created_at__gt=issue.last_published_at)
    return bool(versions.exists())
