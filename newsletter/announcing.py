"""What an editor tells everybody in an issue, as plain data: its announcements, and rich text with absolute links."""

from typing import Any

from django.conf import settings
from wagtail.rich_text import expand_db_html

from newsletter.content import Announcement, AnnouncementContent, DateContent, FigureContent
from newsletter.models import Issue


def announcements(issue: Issue) -> tuple[Announcement, ...]:
    """The issue's announcements in the editor's order; rich text in them is not sanitised yet."""
    return tuple(_announcement(block.block_type, block.value) for block in issue.announcements)


def _announcement(form: str, value: Any) -> Announcement:
    """One block of an issue's announcements as plain data."""
    if form == DateContent.form:
        return DateContent(day=value["day"], what=value["what"], what_url=value["link"] or "")
    if form == FigureContent.form:
        return FigureContent(number=value["number"], text=value["text"], source=value["source"] or "")
    # Both or neither: a button needs an address and words.
    url, label = (value["link"] or "", value["link_text"] or "") if value["link"] and value["link_text"] else ("", "")
    return AnnouncementContent(
        heading=value["heading"], text_html=absolute(value["text"].source), button_url=url, button_label=label
    )


def absolute(rich_text: str) -> str:
    """An editor's rich text as HTML in which links within the site are absolute."""
    html: str = expand_db_html(rich_text)
    return html.replace('href="/', f'href="{settings.SITE_URL}/')
