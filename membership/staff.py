"""What staff may do with members: permissions of our own, and the two groups a new installation gets."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import QuerySet

from cms.permissions import ADVISERS_HAVE
from membership.models import Member

# As `user.has_perm()` takes them. The first two are Django's own.
VIEW = "membership.view_member"
CHANGE = "membership.change_member"
ADDRESSES = "membership.view_addresses"
EXPORT = "membership.export_members"
IMPORT = "membership.import_members"
SUPPRESSIONS = "membership.manage_suppressions"
ENTER = "wagtailadmin.access_admin"

LABELS = {
    VIEW: "Can see members, their addresses masked",
    CHANGE: "Can pause, resume and end a member's e-news",
    ADDRESSES: "Can see members' e-mail addresses",
    EXPORT: "Can export members to a file",
    IMPORT: "Can import members from a file",
    SUPPRESSIONS: "Can see and change the list of addresses that must not be mailed",
}
OFFICERS_GROUP = "Membership officer"
ADVISERS_GROUP = "Helpline adviser"
GROUPS = {
    OFFICERS_GROUP: [VIEW, CHANGE, ADDRESSES, EXPORT, IMPORT, SUPPRESSIONS],
    ADVISERS_GROUP: [VIEW, *ADVISERS_HAVE],
}


def may(user: Any, permission: str) -> bool:
    """Return whether somebody may enter the admin and has this permission."""
    return bool(user.has_perm(ENTER) and user.has_perm(permission))


def ensure_staff_groups() -> None:
    """Create whatever is missing. A group that exists keeps the rights its administrators gave it."""
    for name in LABELS:
        _own_permission(name)
    for name, wanted in GROUPS.items():
        ensure_group(name, wanted)


@transaction.atomic
def ensure_group(name: str, wanted: Iterable[str]) -> tuple[Group, bool]:
    """Return the group, and whether it was made now: with these permissions, and the right to enter the admin.

    Raises ImproperlyConfigured when there is no such permission.
    """
    group, made = Group.objects.get_or_create(name=name)
    if made:
        group.permissions.add(*(find_permission(permission) for permission in [ENTER, *wanted]))
    return group, made


def find_permission(name: str) -> Permission:
    """Return the permission with this name, such as `wagtailcore.add_page`. Raises ImproperlyConfigured without one.

    `migrate` makes the permissions of one app after the other, so another app's may not be there yet: then it is asked
    to make them now.
    """
    app = name.partition(".")[0]
    wanted = Permission.objects.filter(content_type__app_label=app, codename=_codename(name))
    if not wanted.exists():
        create_permissions(apps.get_app_config(app), verbosity=0, interactive=False)
    try:
        return wanted.get()
    except Permission.DoesNotExist:
        raise ImproperlyConfigured(f"There is no permission {name}, which a role is to have.") from None


def staff_permissions() -> QuerySet[Permission]:
    """The permissions that administrators may give in Wagtail's group editor."""
    return Permission.objects.filter(codename__in=[_codename(name) for name in LABELS], content_type=_content_type())


def _own_permission(name: str) -> None:
    Permission.objects.get_or_create(
        content_type=_content_type(), codename=_codename(name), defaults={"name": LABELS[name]}
    )


def _codename(name: str) -> str:
    return name.partition(".")[2]


def _content_type() -> ContentType:
    return ContentType.objects.get_for_model(Member)
