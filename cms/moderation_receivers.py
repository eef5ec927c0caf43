"""Signals of Wagtail's workflow and of publishing, for what people offered (connected in `apps.py`)."""

from typing import Any

from django.db import transaction
from django.db.models.signals import pre_save
from django.dispatch import receiver
from wagtail.admin.mail import GroupApprovalTaskStateSubmissionEmailNotifier, WorkflowStateSubmissionEmailNotifier
from wagtail.log_actions import get_active_log_context
from wagtail.models import Page, TaskState, WorkflowState
from wagtail.signals import page_published, task_submitted, workflow_rejected, workflow_submitted

from cms import moderating


@receiver(page_published)
def entry_published(instance: Page, **kwargs: Any) -> None:
    """Also sent when a page is only scheduled: then it is not live, and the signal comes again."""
    if instance.live:
        somebody = getattr(get_active_log_context().user, "pk", None)
        moderating.published(entry=instance, by=get_active_log_context().user if somebody else None)


@receiver(workflow_rejected)
def workflow_sent_back(instance: WorkflowState, user: Any, **kwargs: Any) -> None:
    moderating.sent_back(state=instance, by=user)


@receiver(pre_save, sender=TaskState)
def about_to_be_approved(instance: TaskState, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        moderating.keep_back_unchecked(instance)


class TellEditors(GroupApprovalTaskStateSubmissionEmailNotifier):
    """Wagtail's mail to whoever may approve. Where nobody of the staff asked, it waits for the commit: a mail server
    that does not answer must not keep a stranger from confirming."""

    def __call__(self, instance: Any = None, **kwargs: Any) -> bool:
        tell = super().__call__
        if kwargs.get("user"):
            return bool(tell(instance, **kwargs))
        transaction.on_commit(lambda: tell(instance, **kwargs) and None, robust=True)
        return True


class TellSuperusers(WorkflowStateSubmissionEmailNotifier):
    """Wagtail's mail to superusers. Where nobody of the staff asked, they are among those whom TellEditors tells."""

    def __call__(self, instance: Any = None, **kwargs: Any) -> bool:
        return bool(super().__call__(instance, **kwargs)) if kwargs.get("user") else True


# These take the places of Wagtail's own: under one id a signal connects the first comer only, whose app is ready first.
for _signal, _sender, _id, _teller in (
    (task_submitted, TaskState, "group_approval_task_submitted_email_notification", TellEditors()),
    (workflow_submitted, WorkflowState, "workflow_state_submitted_email_notification", TellSuperusers()),
):
    _signal.disconnect(sender=_sender, dispatch_uid=_id)
    _signal.connect(_teller, sender=_sender, dispatch_uid=_id, weak=False)
