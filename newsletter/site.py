"""What the e-news adds to a new installation: its archive page and the workflow that approves issues."""

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from wagtail.models import GroupPagePermission, Workflow, WorkflowPage, WorkflowTask

from cms.site import home_page
from newsletter.models import ENewsPage, SecondPersonTask

APPROVERS_GROUP = "Approver"
WORKFLOW = "E-news approval"


def ensure_archive() -> ENewsPage:
    """Create whatever is missing: `/e-news/`, the approvers' group, and the workflow in which they approve."""
    page = ENewsPage.objects.first()
    if not page:
        page = home_page().add_child(instance=ENewsPage(title="E-news", slug="e-news", show_in_menus=True))
    approvers, made = Group.objects.get_or_create(name=APPROVERS_GROUP)
    if made:
        wanted = Permission.objects.filter(codename__in=["change_page", "publish_page"])
        for permission in wanted.filter(content_type=ContentType.objects.get(app_label="wagtailcore", model="page")):
            GroupPagePermission.objects.get_or_create(group=approvers, page=page, permission=permission)
        approvers.permissions.add(*Permission.objects.filter(codename="access_admin"))
    if not WorkflowPage.objects.filter(page=page).exists():
        workflow, _ = Workflow.objects.get_or_create(name=WORKFLOW)
        task, _ = SecondPersonTask.objects.get_or_create(name="A colleague approves")
        task.groups.set([approvers])
        WorkflowTask.objects.get_or_create(workflow=workflow, task=task)
        WorkflowPage.objects.create(page=page, workflow=workflow)
    return page
