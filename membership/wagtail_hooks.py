"""Registers what membership adds to the Wagtail admin; `desk/` defines it."""

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from wagtail import hooks
from wagtail.log_actions import LogActionRegistry
from wagtail.snippets.models import register_snippet

from membership import superusers, suppressing, timeline, yearly
from membership.desk.suppressions import SuppressionViewSet
from membership.desk.viewset import MemberViewSet
from membership.staff import staff_permissions
from membership.viewsets_complaints import ComplaintViewSet

register_snippet(ComplaintViewSet)
for moment in ("before_create_user", "before_edit_user", "before_delete_user"):
    hooks.register(moment, superusers.guard_account)
hooks.register("before_bulk_action", superusers.guard_bulk)


@hooks.register("register_admin_viewset")
def members() -> MemberViewSet:
    return MemberViewSet()


@hooks.register("register_admin_viewset")
def suppressions() -> SuppressionViewSet:
    return SuppressionViewSet()


@hooks.register("register_permissions")
def permissions() -> QuerySet[Permission]:
    return staff_permissions()


@hooks.register("register_log_actions")
def log_actions(actions: LogActionRegistry) -> None:
    for action, (label, message) in {**timeline.LOG_ACTIONS, **yearly.LOG_ACTIONS, **suppressing.LOG_ACTIONS}.items():
        actions.register_action(action, label, message)
