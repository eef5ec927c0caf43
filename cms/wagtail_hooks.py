"""Registers what cms adds to the Wagtail admin and to the serving of pages; `desk/` and `viewsets.py` define it."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.admin.ui.components import Component
from wagtail.log_actions import LogActionRegistry, LogFormatter
from wagtail.models import Page
from wagtail.snippets.models import register_snippet

from cms.bulk_publishing import leave_out_unready
from cms.desk import care, enquiry_report, link_report, messages, searches, signposting, submissions
from cms.desk.home import HubPanel
from cms.desk.menu import hub_menu
from cms.members_only import refuse_or_tease
from cms.permissions import own_permissions
from cms.viewsets import TaxonomyGroup

DESK = (signposting, enquiry_report, submissions, messages, care, link_report, searches)

register_snippet(TaxonomyGroup)


@hooks.register("register_admin_urls")
def admin_urls() -> list[URLPattern | URLResolver]:
    return [path("hub/", include([pattern for page in DESK for pattern in page.urlpatterns]))]


@hooks.register("register_admin_menu_item")
def menu_item() -> MenuItem:
    return hub_menu()


@hooks.register("construct_homepage_panels")
def home_panel(request: HttpRequest, panels: list[Component]) -> None:
    panel = HubPanel(request)
    if panel.is_shown:
        panels.append(panel)


class Referred(LogFormatter):
    """An act on something that people quote by its reference."""

    def format_message(self, log_entry: Any) -> str:
        return self.message.format(**log_entry.data)


@hooks.register("register_log_actions")
def log_actions(actions: LogActionRegistry) -> None:
    for action, label, message in (
        ("cms.offered", "Draft what was offered", "Drafted from the submission {reference}"),
        ("cms.refuse", "Refuse what was offered", "Submission {reference} refused"),
    ):
        actions.register_action(action)(type("Act", (Referred,), {"label": label, "message": message}))


@hooks.register("register_permissions")
def permissions() -> QuerySet[Permission]:
    return own_permissions()


@hooks.register("before_serve_page", order=-10)
def serve_who_may_not_read(page: Page, request: HttpRequest, args: Any, kwargs: Any) -> HttpResponse | None:
    return refuse_or_tease(page, request)


@hooks.register("before_bulk_action")
def publish_what_is_ready(request: HttpRequest, action_type: str, objects: list[Page], action: Any) -> None:
    if action_type == "publish":
        leave_out_unready(request, objects, action)
