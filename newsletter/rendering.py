"""Turn an edition's content into subject, HTML and text. Pure: no database, no request, no clock.

Two things differ per recipient, and both are slots in an otherwise finished message: `TOKEN_SLOT` inside the
addresses for leaving and preferences, and `GREETING_SLOT`. What people wrote reaches the MJML compiler only after
it was made harmless (`cleaning.py`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from html import escape, unescape
from textwrap import TextWrapper
from typing import Any, TypeVar

import css_inline
import mjml
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from newsletter.cleaning import (
    BIDI_CONTROLS,
    GREETING_SLOT,
    MAX_ANNOUNCEMENT,
    MAX_DEPTH,
    MAX_RICH_TEXT,
    MAX_TAGS,
    SYNTAX,
    TOKEN_SLOT,
    Lines,
    RenderError,
    checked_link,
    header_value,
    neutralise,
    one_line,
    sanitise_rich_text,
)
from newsletter.content import Announcement, AnnouncementContent, EditionContent, ItemContent, SectionContent

__all__ = [
    "BIDI_CONTROLS",
    "GREETING_SLOT",
    "MAX_DEPTH",
    "MAX_HTML_BYTES",
    "MAX_RICH_TEXT",
    "MAX_TAGS",
    "TOKEN_SLOT",
    "RenderError",
    "Rendered",
    "compile_mjml",
    "header_value",
    "neutralise",
    "render_edition",
    "sanitise_rich_text",
    "with_clean_rich_text",
    "with_tracking",
]

MAX_HTML_BYTES = 90_000  # Gmail cuts a message off at about 102 KB
MAX_ANNOUNCEMENTS = 5
TEXT_WIDTH = 72
PERSONAL_LINKS = {"unsubscribe_url", "preferences_url"}  # the only fields that may hold TOKEN_SLOT
TEMPLATES = "newsletter/email/"

_STYLE = re.compile(r"(<style.*?</style>)", re.DOTALL)
_BLOCK = re.compile(r"\s*(</?(?:table|tbody|tr|td|div|p|h[1-3]|ul|ol|li|br|meta)\b[^<>]*>)\s*")

Content = TypeVar("Content", EditionContent, SectionContent, ItemContent, Announcement)


@dataclass(frozen=True)
class Rendered:
    """A finished message, but for its slots."""

    subject: str
    html: str
    text: str


def render_edition(content: EditionContent) -> Rendered:
    """Render subject, HTML of at most `MAX_HTML_BYTES`, and a text that says the same in the same order.

    Raises `RenderError`, or `ValueError` for a subject that no header can carry.
    """
    header_value(content.subject)
    content = with_clean_rich_text(content)
    plain = {"edition": _cleaned(content, neutralise, Lines.of)}
    # The introduction comes straight after the title, so its headings are of the second level there.
    rich = {
        "edition": _cleaned(content, one_line, lambda clean: clean),
        "introduction": mark_safe(content.introduction_html.replace("h3>", "h2>")),  # noqa: S308  sanitised
        "telephone": re.sub(r"[^0-9+]", "", content.helpline_number),
    }
    html = _finished(compile_mjml(render_to_string(TEMPLATES + "issue.mjml", rich)))
    if len(html.encode()) > MAX_HTML_BYTES:
        raise RenderError(
            f"The e-mail would be {len(html.encode()) / 1000:.0f} KB and cut off by mailboxes: leave out some items."
        )
    return Rendered(
        subject=render_to_string(TEMPLATES + "issue.subject.txt", plain).strip(),
        html=html,
        text=_wrapped(render_to_string(TEMPLATES + "issue.txt", plain)),
    )


def with_tracking(html: str, *, links: Mapping[str, int], click_base: str | None, pixel_url: str | None) -> str:
    """Send the addresses in `links` (address to number) through `click_base`/number, and add a pixel.

    Each half is left out while its address is None, as it must be without that member's consent: with neither,
    the HTML comes back as it was. Both addresses may hold `TOKEN_SLOT`.
    """
    if click_base is not None:
        numbers = {checked_link(address): number for address, number in links.items()}

        def numbered(match: re.Match[str]) -> str:
            number = numbers.get(unescape(match[2]))
            return match[0] if number is None else f'{match[1]}{escape(f"{click_base}/{number}")}"'

        html = re.sub(r'(<a\b[^<>]*?\bhref=")([^"]*)"', numbered, html)
    if pixel_url is not None:
        pixel = f'<img src="{escape(pixel_url)}" width="1" height="1" alt="" style="display:block;border:0">'
        before, end, after = html.rpartition("</body>")
        html = before + pixel + end + after
    return html


def with_clean_rich_text(content: EditionContent) -> EditionContent:
    """Copy content with every rich text sanitised and marked as safe to show: what the mail and the web version say.

    Raises `RenderError` when there is too much of something.
    """
    if len(content.announcements) > MAX_ANNOUNCEMENTS:
        raise RenderError(f"There are too many announcements: keep {MAX_ANNOUNCEMENTS} at most.")

    def clean(one: Announcement) -> Announcement:
        if not isinstance(one, AnnouncementContent):
            return one
        text = sanitise_rich_text(one.text_html, what=f"The announcement “{one.heading[:60]}”", most=MAX_ANNOUNCEMENT)
        return replace(one, text_html=mark_safe(text))  # noqa: S308  sanitised

    return replace(
        content,
        introduction_html=mark_safe(sanitise_rich_text(content.introduction_html)),  # noqa: S308  sanitised
        announcements=tuple(clean(one) for one in content.announcements),
    )


def compile_mjml(source: str) -> str:
    """Compile MJML to HTML: the one place that does, so that tests can count how often."""
    try:
        # Without `fonts` the compiler makes the mail load Roboto from Google, which would tell them who reads it.
        return mjml.mjml2html(source, fonts={})
    except ValueError as error:
        raise RenderError(f"The e-mail's template could not be compiled: {error}.") from error


def _cleaned(content: Content, clean: Callable[[str], str], prose: Callable[[str], str]) -> Content:
    """Copy content with each text cleaned, each (sanitised) rich text written as prose, and each address checked."""
    changes: dict[str, Any] = {}
    for field in fields(content):
        value = getattr(content, field.name)
        if not field.init or (field.name == "greeting" and value == GREETING_SLOT):
            continue
        if field.name.endswith("_html"):
            changes[field.name] = prose(value)
        elif isinstance(value, tuple):
            changes[field.name] = tuple(_cleaned(part, clean, prose) for part in value)
        elif field.name == "url" or (field.name.endswith("_url") and value):
            changes[field.name] = checked_link(value, personal=field.name in PERSONAL_LINKS)
        elif isinstance(value, str):
            changes[field.name] = clean(value)
    return replace(content, **changes)


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(
        extra_css=render_to_string(TEMPLATES + "issue.css"),
        inline_style_tags=False,  # the compiler's own, the narrow and the dark ones stay in the head
        keep_style_tags=True,
        minify_css=True,
        load_remote_stylesheets=False,
    )


def _finished(html: str) -> str:
    """Inline the styles, drop blanks between blocks, and spell template syntax as character references."""
    head, end, body = re.sub(r"[ \t\r\n]+", " ", _inliner().inline(html)).partition("</head>")
    head = "".join(part if part.startswith("<style") else _spelt(part) for part in _STYLE.split(head))
    return head + end + _spelt(_BLOCK.sub(r"\1", body))


def _spelt(html: str) -> str:
    return SYNTAX.sub(lambda match: f"&#{ord(match[0])};", html)


def _wrapped(text: str) -> str:
    """Break lines at `TEXT_WIDTH`, never inside an address or slot, and keep at most two blank ones in a row."""
    wrapper = TextWrapper(TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)
    lines = "\n".join(wrapper.fill(line) for line in text.splitlines())
    return re.sub(r"\n{4,}", "\n\n\n", lines).strip() + "\n"
