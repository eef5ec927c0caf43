"""What the e-news adds to the editor of an issue: how many errors and warnings its pre-flight finds.

They are fetched once the editor has been shown, and again whenever it has saved the draft by itself, so that they
never keep anybody from writing.
"""

from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from wagtail.admin.widgets import Button

from newsletter.models import Issue


def preflight_button(issue: Issue) -> Button:
    """The way to the pre-flight. The script finds by its attribute where the figures are."""
    address = reverse("newsletter_preflight", args=[issue.pk])
    figures = {"data-preflight-counts": reverse("newsletter_preflight_counts", args=[issue.pk])}
    return Button("Pre-flight", url=address, icon_name="tasks", priority=61, attrs=figures)


def editor_files() -> SafeString:
    """Script and style of the editor's figures."""
    sheets = ("css/issue_desk.css", "css/desk_preflight.css")
    styles = format_html_join("", '<link rel="stylesheet" href="{}">', ((static(sheet),) for sheet in sheets))
    return format_html('{}<script src="{}" defer></script>', styles, static("js/desk_editor.js"))
