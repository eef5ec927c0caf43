"""Answering what people offered: a workflow for each draft, then published or refused, and told once (ADR 17)."""

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import GroupApprovalTask, Page, Revision, TaskState, Workflow, WorkflowState, WorkflowTask

from cms.forms import ANONYMITY_NEEDED
from cms.models import CaseStudy, Submission
from cms.permissions import MODERATE
from cms.plain_text import many_lines
from cms.telling import tell_once_committed

State = Submission.State
WORKFLOW = "Submissions"
TASK = "An editor looks at what was offered"
LONGEST_REASON = 1000
REASON_NEEDED = "Say why, in a sentence or two: whoever offered it reads it."
REASON_TOO_LONG = f"Shorten the reason to {LONGEST_REASON:,} characters."


class CannotRefuse(ValueError):
    """Why something cannot be refused like this, as a sentence for the editor."""


def start(submission: Submission) -> None:
    """Let the draft of a submission wait in the workflow, where editors approve it or ask for changes.

    A workflow without an active step would approve, and publish, on its own: then the draft waits on the desk only.
    """
    workflow = submissions_workflow()
    if submission.entry and workflow.active and workflow.tasks.filter(active=True).exists():
        workflow.start(submission.entry.specific, None)


def submissions_workflow() -> Workflow:
    """The workflow of what people offer, made when there is none. No page has it: what authors write needs none.

    Its step is for every group that may moderate; what an administrator made of it since is left alone.
    """
    found = Workflow.objects.filter(name=WORKFLOW).order_by("pk").first()
    if found:
        return found
    workflow = Workflow.objects.create(name=WORKFLOW)
    task = GroupApprovalTask.objects.create(name=TASK)
    app, _, codename = MODERATE.partition(".")
    task.groups.set(Group.objects.filter(permissions__codename=codename, permissions__content_type__app_label=app))
    WorkflowTask.objects.create(workflow=workflow, task=task, sort_order=0)
    return workflow


@transaction.atomic
def published(*, entry: Page, by: Any = None) -> bool:
    """Note that what somebody offered has been published, and tell them. False when there was nothing to tell."""
    waiting = Submission.objects.filter(entry=entry.pk, state=State.WAITING)
    submission = waiting.first()
    if not submission or not waiting.update(state=State.PUBLISHED, answered_at=timezone.now(), answered_by=by):
        return False
    tell_once_committed(submission.pk)
    return True


@transaction.atomic
def refuse(*, submission: Submission, reason: str, by: Any) -> bool:
    """Refuse what somebody offered, end its workflow and its schedule, and tell them why.

    False when it has been answered already. The draft stays as it is, unpublished, until the submission goes
    (`erasing.py`): an editor may think again. Raises CannotRefuse when the reason is missing or too long.
    """
    reason = many_lines(reason)
    if not reason:
        raise CannotRefuse(REASON_NEEDED)
    if len(reason) > LONGEST_REASON:
        raise CannotRefuse(REASON_TOO_LONG)
    # Before the submission, as whoever publishes does it: what is scheduled goes live either before this or not at all.
    page = Page.objects.select_for_update(of=("self",)).filter(pk=submission.entry_id or 0).first()
    waiting = Submission.objects.filter(pk=submission.pk, state=State.WAITING)
    if not waiting.update(state=State.REFUSED, answered_at=timezone.now(), answered_by=by, reason=reason):
        return False
    if submission.entry and (state := _workflow_of(submission.entry)):
        state.cancel(user=by)
    if page:
        _unschedule(page, by)
    log(instance=submission, action="cms.refuse", user=by, data={"reference": submission.reference})
    tell_once_committed(submission.pk)
    return True


def sent_back(*, state: WorkflowState, by: Any) -> bool:
    """Take “Request changes” in the workflow for a refusal, with the editor's comment as the reason.

    Whoever offered it has no account to change anything with. Without a comment nothing is said to anybody, and it
    keeps waiting on the desk. True when it was refused.
    """
    submission = Submission.objects.filter(entry=state.object_id, state=State.WAITING).first()
    comment = many_lines(state.current_task_state.comment) if state.current_task_state else ""
    if not submission or not comment:
        return False
    return refuse(submission=submission, reason=comment[:LONGEST_REASON], by=by)


def keep_back_unchecked(task_state: TaskState) -> None:
    """Raise PermissionDenied when a case study is about to be approved whose anonymity nobody has checked.

    The editor's own form says so in words; this is for every other way, such as the buttons of the admin's home.
    """
    if task_state.status != TaskState.STATUS_APPROVED or not task_state.revision_id:
        return
    page = task_state.workflow_state.content_object
    if isinstance(page, Page) and issubclass(page.specific_class or Page, CaseStudy):
        latest = page.get_latest_revision_as_object()
        if not latest.anonymity_checked:
            raise PermissionDenied(ANONYMITY_NEEDED)


def _unschedule(page: Page, by: Any) -> None:
    """Take back what another editor approved with a day to go live. Wagtail writes it to the page's history."""
    for revision in Revision.objects.for_instance(page).filter(approved_go_live_at__isnull=False):
        revision.approved_go_live_at = None
        revision.save(user=by, update_fields=["approved_go_live_at"])


def _workflow_of(page: Page) -> WorkflowState | None:
    state: WorkflowState | None = page.current_workflow_state
    return state
