"""Registers what the e-news adds to the Wagtail admin; `viewsets.py` and `views/` define it."""

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path, reverse
from wagtail import hooks
from wagtail.admin import widgets
from wagtail.admin.menu import MenuItem
from wagtail.log_actions import LogActionRegistry, LogFormatter
from wagtail.models import Page

from newsletter.desk import after, approval, editions, issues, preflight, reader, sending
from newsletter.models import ENewsPage, Issue


@hooks.register("register_admin_urls")
def admin_urls() -> list[URLPattern | URLResolver]:
    pages = (issues, editions, reader, preflight, approval, sending, after)
    return [path("e-news/", include([pattern for page in pages for pattern in page.urlpatterns]))]


@hooks.register("register_admin_menu_item")
def menu_item() -> MenuItem:
    return MenuItem("E-news", reverse("newsletter_issues"), name="e-news", icon_name="mail", order=250)


@hooks.register("register_page_header_buttons")
def report_button(page: Page, user: Any, view_name: str, next_url: str | None = None) -> list[widgets.Button]:
    """A way from an issue's editor to its other pages."""
    issue = page.specific
    if not isinstance(issue, Issue) or not issue.pk:
        return []
    return [
        widgets.Button("E-news desk", url=reverse("newsletter_issue", args=[issue.pk]), icon_name="mail", priority=60)
    ]


@hooks.register("construct_explorer_page_queryset")
def newest_issue_first(parent_page: Page, pages: Any, request: HttpRequest) -> Any:
    if isinstance(parent_page.specific, ENewsPage) and "ordering" not in request.GET:
        return pages.order_by("-title")
    return pages


class Reasoned(LogFormatter):
    """An act whose reason is part of the message."""

    def format_message(self, log_entry: Any) -> str:
        return self.message.format(**log_entry.data)


@hooks.register("register_log_actions")
def log_actions(actions: LogActionRegistry) -> None:
    actions.register_action("newsletter.compile", "Compile the e-news", "Compiled from the directory")
    actions.register_action("newsletter.approve", "Approve the e-news", "Approved for sending")
    actions.register_action("newsletter.unschedule", "Unschedule the e-news", "No longer scheduled")
    actions.register_action("newsletter.freeze", "Freeze the e-news", "Editions and recipients frozen")
    actions.register_action("newsletter.send", "Send the e-news", "Sending started")
    actions.register_action("newsletter.resume", "Resume the e-news", "Sending resumed")
    actions.register_action("newsletter.certify", "Seal the certificate", "Certificate issued")
    actions.register_action("newsletter.totals", "Keep totals only", "Opens and clicks turned into totals")
    actions.register_action("newsletter.daily", "Do the day's work", "Retention and the yearly question done")
    for action, label, message in (
        ("newsletter.pause", "Pause the e-news", "Sending paused: {reason}"),
        ("newsletter.schedule", "Schedule the e-news", "To be sent on {send_at}"),
        ("newsletter.withdraw", "Withdraw the approval", "Approval withdrawn: {reason}"),
        ("newsletter.cancel", "Cancel the e-news", "Sending cancelled: {reason}"),
        ("newsletter.decide", "Decide on unknown deliveries", "{count} unknown deliveries: {choice} ({reason})"),
    ):
        actions.register_action(action)(type("Act", (Reasoned,), {"label": label, "message": message}))
