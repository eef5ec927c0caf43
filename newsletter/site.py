"""What the e-news adds to a new installation: its archive page and the workflow that approves issues."""

from django.contrib.auth.models import Group
from wagtail.models import Workflow, WorkflowPage, WorkflowTask

from cms.site import home_page
from newsletter.models import ENewsPage, SecondPersonTask

# The roles that lower parts must know by name; `roles.py` makes all of them.
APPROVERS_GROUP = "Approver"
ADMINISTRATORS_GROUP = "Administrator"
WORKFLOW = "E-news approval"


def ensure_archive() -> ENewsPage:
    """Return `/e-news/`, made when there is none yet."""
    existing = ENewsPage.objects.first()
    if existing:
        return existing
    page: ENewsPage = home_page().add_child(instance=ENewsPage(title="E-news", slug="e-news", show_in_menus=True))
    return page


def ensure_workflow(page: ENewsPage, approvers: Group) -> None:
    """Create the workflow in which `approvers` look at issues, unless the archive has one."""
    if WorkflowPage.objects.filter(page=page).exists():
        return
    workflow, _ = Workflow.objects.get_or_create(name=WORKFLOW)
    task, _ = SecondPersonTask.objects.get_or_create(name="A colleague approves")
    task.groups.set([approvers])
    WorkflowTask.objects.get_or_create(workflow=workflow, task=task)
    WorkflowPage.objects.create(page=page, workflow=workflow)
