"""Registers what the e-news adds to the Wagtail admin; `viewsets.py` and `views/` define it."""

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path, reverse
from wagtail import hooks
from wagtail.admin import widgets
from wagtail.admin.menu import MenuItem
from wagtail.admin.ui.components import Component
from wagtail.log_actions import LogActionRegistry, LogFormatter
from wagtail.models import Page

from newsletter.dashboard import ENewsPanel
from newsletter.desk import (
    after,
    approval,
    certificate,
    compiling,
    decisions,
    editions,
    issues,
    overview,
    preflight,
    reader,
    report,
    reports,
    sending,
    steering,
    summary,
)
from newsletter.desk.editor import editor_files, preflight_button
from newsletter.desk.entry import entry_note
from newsletter.desk.menu import e_news_menu
from newsletter.models import ENewsPage, Issue


@hooks.register("register_admin_urls")
def admin_urls() -> list[URLPattern | URLResolver]:
    pages = (
        issues,
        compiling,
        overview,
        editions,
        reader,
        preflight,
        approval,
        sending,
        steering,
        decisions,
        certificate,
        report,
        reports,
        summary,
        after,
    )
    return [path("e-news/", include([pattern for page in pages for pattern in page.urlpatterns]))]


@hooks.register("register_admin_menu_item")
def menu_item() -> MenuItem:
    return e_news_menu()


@hooks.register("construct_homepage_panels")
def home_panel(request: HttpRequest, panels: list[Component]) -> None:
    panel = ENewsPanel(request)
    if panel.is_shown:
        panels.append(panel)


@hooks.register("register_page_header_buttons")
def report_button(page: Page, user: Any, view_name: str, next_url: str | None = None) -> list[widgets.Button]:
    """A way from an issue's editor to its other pages."""
    issue = page.specific
    if not isinstance(issue, Issue) or not issue.pk:
        return []
    return [
        widgets.Button("E-news desk", url=reverse("newsletter_issue", args=[issue.pk]), icon_name="mail", priority=60),
        preflight_button(issue),
    ]


hooks.register("insert_editor_js", editor_files)
hooks.register("entry_notes", entry_note)


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
    actions.register_action("newsletter.empty", "Find nothing for the e-news", "Told that a month holds nothing")
    actions.register_action("newsletter.approve", "Approve the e-news", "Approved for sending")
    actions.register_action("newsletter.unschedule", "Unschedule the e-news", "No longer scheduled")
    actions.register_action("newsletter.seen", "Mark editions as seen", "Editions marked as seen")
    actions.register_action("newsletter.freeze", "Freeze the e-news", "Editions and recipients frozen")
    actions.register_action("newsletter.send", "Send the e-news", "Sending started")
    actions.register_action("newsletter.send_now", "Send the e-news now", "Sending asked for at once")
    actions.register_action("newsletter.resume", "Resume the e-news", "Sending resumed")
    actions.register_action("newsletter.check_links", "Check the links of the e-news", "Links checked")
    actions.register_action("newsletter.look_up_sender", "Look up the sender’s domain", "Sender’s domain looked up")
    actions.register_action("newsletter.certify", "Seal the certificate", "Certificate issued")
    actions.register_action("newsletter.summary", "Mail the summary", "Summary for funders mailed")
    actions.register_action("newsletter.daily", "Do the day's work", "Retention and the yearly question done")
    for action, label, message in (
        ("newsletter.arm", "Arm sending", "Sending armed: {reason}"),
        ("newsletter.disarm", "Disarm sending", "Sending disarmed: {reason}"),
        ("newsletter.restore", "Put a backup back", "A copy {since} was put back"),
        ("newsletter.compile", "Compile the e-news", "Compiled from the directory: {added} added"),
        ("newsletter.pause", "Pause the e-news", "Sending paused: {reason}"),
        ("newsletter.alarm", "Raise an alarm", "Too many complaints or bounces: {reason}"),
        ("newsletter.schedule", "Schedule the e-news", "To be sent on {send_at}"),
        ("newsletter.test", "Send a test", "Test sent to {count} of staff: {edition}"),
        ("newsletter.withdraw", "Withdraw the approval", "Approval withdrawn: {reason}"),
        ("newsletter.correct", "Draft a correction", "Correction {correction} drafted: “{headline}”"),
        ("newsletter.retarget", "Lead a link elsewhere", "Link {number} led to {old}, now to {new}: {reason}"),
        ("newsletter.cancel", "Cancel the e-news", "Sending cancelled: {reason}"),
        ("newsletter.decide", "Decide on unknown deliveries", "{count} unknown deliveries: {choice} ({reason})"),
    ):
        actions.register_action(action)(type("Act", (Reasoned,), {"label": label, "message": message}))
