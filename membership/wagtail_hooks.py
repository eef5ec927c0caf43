"""Registers what membership adds to the Wagtail admin; `desk/` defines it."""

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from wagtail import hooks
from wagtail.log_actions import LogActionRegistry
from wagtail.snippets.models import register_snippet

from membership import timeline, yearly
from membership.desk.viewset import MemberViewSet
from membership.staff import staff_permissions
from membership.viewsets_complaints import ComplaintViewSet

register_snippet(ComplaintViewSet)


@hooks.register("register_admin_viewset")
def members() -> MemberViewSet:
    return MemberViewSet()


@hooks.register("register_permissions")
def permissions() -> QuerySet[Permission]:
    return staff_permissions()


@hooks.register("register_log_actions")
def log_actions(actions: LogActionRegistry) -> None:
    for action, (label, message) in {**timeline.LOG_ACTIONS, **yearly.LOG_ACTIONS}.items():
        actions.register_action(action, label, message)
