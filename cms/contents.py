"""A list of what is on a long page: its headings become places that can be linked to."""

import re
from dataclasses import dataclass
from html import unescape

from django.utils.html import strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from wagtail.rich_text import expand_db_html

HEADING = re.compile(r"<h2[^>]*>(.*?)</h2>", re.DOTALL)


@dataclass(frozen=True)
class Contents:
    """A text as HTML, and its headings of the second level: where each is, and what it says."""

    html: SafeString
    headings: list[tuple[str, str]]


def list_contents(body: str) -> Contents:
    """Give each heading of a rich text an id of its own. `body` is as the database has it: cleaned by the editor."""
    headings: list[tuple[str, str]] = []

    def with_id(found: re.Match[str]) -> str:
        words = unescape(strip_tags(found[1])).strip()
        anchor = f"{slugify(words) or 'part'}-{len(headings) + 1}"
        headings.append((anchor, words))
        return f'<h2 id="{anchor}">{found[1]}</h2>'

    html = HEADING.sub(with_id, expand_db_html(body))
    return Contents(mark_safe(html), headings)  # noqa: S308 - rich text, cleaned by the editor; the ids are slugs
