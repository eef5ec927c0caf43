"""What staff may do with members: permissions of our own, and the two groups a new installation gets."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet

from membership.models import Member

# As `user.has_perm()` takes them. The first two are Django's own.
VIEW = "membership.view_member"
CHANGE = "membership.change_member"
ADDRESSES = "membership.view_addresses"
EXPORT = "membership.export_members"
IMPORT = "membership.import_members"

LABELS = {
    VIEW: "Can see members, their addresses masked",
    CHANGE: "Can pause, resume and end a member's e-news",
    ADDRESSES: "Can see members' e-mail addresses",
    EXPORT: "Can export members to a file",
    IMPORT: "Can import members from a file",
}
OFFICERS_GROUP = "Membership officer"
ADVISERS_GROUP = "Helpline adviser"
GROUPS = {OFFICERS_GROUP: [VIEW, CHANGE, ADDRESSES, EXPORT, IMPORT], ADVISERS_GROUP: [VIEW]}


def may(user: Any, permission: str) -> bool:
    """Return whether somebody may enter the admin and has this permission."""
    return bool(user.has_perm("wagtailadmin.access_admin") and user.has_perm(permission))


def ensure_staff_groups() -> None:
    """Create whatever is missing. A group that exists keeps the rights its administrators gave it."""
    permissions = {name: _permission(name) for name in LABELS}
    enter = Permission.objects.filter(codename="access_admin", content_type__app_label="wagtailadmin")
    for name, wanted in GROUPS.items():
        group, made = Group.objects.get_or_create(name=name)
        if made:
            group.permissions.add(*enter, *(permissions[permission] for permission in wanted))


def staff_permissions() -> QuerySet[Permission]:
    """The permissions that administrators may give in Wagtail's group editor."""
    return Permission.objects.filter(codename__in=[_codename(name) for name in LABELS], content_type=_content_type())


def _permission(name: str) -> Permission:
    permission, _ = Permission.objects.get_or_create(
        content_type=_content_type(), codename=_codename(name), defaults={"name": LABELS[name]}
    )
    return permission


def _codename(name: str) -> str:
    return name.partition(".")[2]


def _content_type() -> ContentType:
    return ContentType.objects.get_for_model(Member)
