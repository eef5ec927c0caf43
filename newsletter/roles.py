"""The roles that `migrate` makes on a new installation, as groups that hold the least each needs (ADR 15).

`docs/roles.md` says the same as a table. "Membership officer" and "Helpline adviser" are in `membership/staff.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.urls import get_resolver
from wagtail import hooks
from wagtail.models import (
    PAGE_PERMISSION_CODENAMES,
    Collection,
    GroupCollectionPermission,
    GroupPagePermission,
    Page,
    Workflow,
    WorkflowTask,
)

from cms.groups import AUTHORS_GROUP
from cms.permissions import EDITORS_HAVE
from cms.site import consortia_page, directory_page
from membership.staff import ENTER, ensure_group, find_permission
from newsletter.models import ENewsPage
from newsletter.site import ADMINISTRATORS_GROUP, APPROVERS_GROUP, ensure_archive, ensure_workflow

FILES = [f"wagtailimages.{act}_image" for act in ("add", "change", "choose")] + [
    f"wagtaildocs.{act}_document" for act in ("add", "change", "choose")
]
COLLECTIONS = [f"wagtailcore.{act}_collection" for act in ("add", "change", "delete")]
EVERY_PAGE_ACT = [name.removesuffix("_page") for name in PAGE_PERMISSION_CODENAMES]
# What Wagtail makes on its own, with rights over the whole tree of pages.
WAGTAILS_GROUPS = ["Editors", "Moderators"]
WAGTAILS_APPS = ["wagtailadmin", "wagtailimages", "wagtaildocs"]  # in which these groups have permissions
WAGTAILS_WORKFLOW = "Moderators approval"


@dataclass(frozen=True)
class Role:
    """What a group may do: everywhere, below a page, and with the files of the root collection."""

    name: str
    everywhere: Iterable[str] = ()  # such as `auth.add_group`
    pages: dict[Page, Iterable[str]] = field(default_factory=dict)  # such as add, change, publish
    files: Iterable[str] = ()


@transaction.atomic
def ensure_roles() -> None:
    """Create whatever is missing of the archive, the roles and the approvers' workflow.

    A group that exists keeps the rights its administrators gave it. Raises ImproperlyConfigured when a permission that
    a role needs does not exist.
    """
    archive = ensure_archive()
    new_installation = not Group.objects.filter(name=AUTHORS_GROUP).exists()
    for role in _roles(archive):
        _ensure(role)
    ensure_workflow(archive, Group.objects.get(name=APPROVERS_GROUP))
    if new_installation:
        remove_wagtails_groups()


def _roles(archive: ENewsPage) -> list[Role]:
    return [
        Role(
            AUTHORS_GROUP,
            everywhere=EDITORS_HAVE,
            pages={
                directory_page(): ["add", "change", "publish"],
                consortia_page(): ["add", "change", "publish"],
                archive: ["change"],
            },
            files=FILES,
        ),
        # Publishing below the archive is what approving asks for (`models/permissions.py`); images go with items.
        Role(APPROVERS_GROUP, pages={archive: ["change", "publish"]}, files=["wagtailimages.choose_image"]),
        Role(
            ADMINISTRATORS_GROUP,
            everywhere=_everything_registered(),
            pages={Page.get_first_root_node(): EVERY_PAGE_ACT},
            files=FILES + COLLECTIONS,
        ),
    ]


def _ensure(role: Role) -> None:
    group, made = ensure_group(role.name, role.everywhere)
    if not made:
        return
    for page, acts in role.pages.items():
        for act in acts:
            permission = find_permission(f"wagtailcore.{act}_page")
            GroupPagePermission.objects.create(group=group, page=page, permission=permission)
    collection = Collection.get_first_root_node() or Collection.add_root(name="Root")
    for name in role.files:
        GroupCollectionPermission.objects.create(group=group, collection=collection, permission=find_permission(name))


def _everything_registered() -> list[str]:
    """The permissions that Wagtail's group editor offers."""
    for app in apps.get_app_configs():  # `migrate` makes those of each app in turn, and has not come to all of them
        create_permissions(app, verbosity=0, interactive=False)
    _ = get_resolver().url_patterns  # reading the addresses registers the lists that have permissions of their own
    found = {ENTER}
    for registered in hooks.get_hooks("register_permissions"):
        found |= {f"{one.content_type.app_label}.{one.codename}" for one in registered().select_related("content_type")}
    return sorted(found)


def remove_wagtails_groups() -> None:
    """Delete the groups and the workflow that Wagtail brings, if they are as it made them and nobody uses them.

    They would let people publish anywhere, past the roles; an issue could be sent to a workflow that nobody approves.
    """
    for group in Group.objects.filter(name__in=WAGTAILS_GROUPS, user=None):
        if _as_wagtail_made_it(group):
            group.delete()
    unused = Workflow.objects.filter(name=WAGTAILS_WORKFLOW, workflow_states=None)
    if not Group.objects.filter(name__in=WAGTAILS_GROUPS).exists():
        for workflow in unused:
            tasks = [step.task for step in WorkflowTask.objects.filter(workflow=workflow)]
            workflow.delete()
            for task in tasks:
                if not task.task_states.exists() and not task.workflow_tasks.exists():
                    task.delete()


def _as_wagtail_made_it(group: Group) -> bool:
    pages = GroupPagePermission.objects.filter(group=group)
    files = GroupCollectionPermission.objects.filter(group=group)
    others = Permission.objects.filter(group=group).exclude(content_type__app_label__in=WAGTAILS_APPS)
    return (
        not others.exists()
        and not pages.exclude(page__depth=1).exists()
        and not files.exclude(collection__depth=1).exists()
    )
