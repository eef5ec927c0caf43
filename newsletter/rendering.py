"""Turn an edition's content into subject, HTML and text. Pure: no database, no request, no clock.

Two things differ per recipient, and both are slots in an otherwise finished message: `TOKEN_SLOT` inside the
addresses for leaving and preferences, and `GREETING_SLOT`. What people wrote reaches the MJML compiler only after
it was cleaned here: the compiler does not validate, and deep nesting ends the whole process.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cache
from html import escape, unescape
from html.parser import HTMLParser
from textwrap import TextWrapper
from typing import Any, TypeVar
from urllib.parse import urlsplit

import css_inline
import mjml
import nh3
from django.template.loader import render_to_string
from django.utils.encoding import iri_to_uri
from django.utils.safestring import mark_safe

from newsletter.content import EditionContent, ItemContent, SectionContent

TOKEN_SLOT = "ihop-token-slot"  # noqa: S105  the recipient's token goes here, only in addresses
GREETING_SLOT = "ihop-greeting-slot"  # "Hello Sam," goes here: neutralised, and escaped in the HTML part
MAX_HTML_BYTES = 90_000  # Gmail cuts a message off at about 102 KB
MAX_RICH_TEXT = 20_000  # characters of an introduction once it is clean
MAX_TAGS = 25_000  # tags of an introduction as it came: the sanitiser's time grows with the square of their nesting
MAX_DEPTH = 8  # levels of nesting that reach the compiler; text further in is kept, its tags are not
TEXT_WIDTH = 72
RICH_TAGS = {"p", "br", "strong", "b", "em", "i", "a", "ul", "ol", "li", "h3"}
PERSONAL_LINKS = {"unsubscribe_url", "preferences_url"}  # the only fields that may hold TOKEN_SLOT
TEMPLATES = "newsletter/email/"

# Marks, embeddings, overrides and isolates that change the direction of the text after them; a regular expression.
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# No header may hold these: controls (line breaks too), surrogates, line and paragraph separators.
_NO_HEADER = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{BIDI_CONTROLS}]")
# Nobody can see these, or no XML parser takes them: controls, private use, surrogates, non-characters.
_INVISIBLE = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff{BIDI_CONTROLS}"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0xF0000, 0x10000))
    + "]"
)
# First characters of what a provider may read as its own syntax: {{ }} {% %} {# #} {$ <% %> *| |* [[ ]] [% %] %x%
_SYNTAX = re.compile(
    r"\{(?=[{%#$])|[}%#](?=\})|<(?=%)|%(?=>)|\*(?=\|)|\|(?=\*)|\[(?=[\[%])|[\]%](?=\])|%(?=[A-Za-z_][\w.:-]*%)"
)
_SLOT = re.compile("ihop-(token|greeting)-slot")
_CLEANER = nh3.Cleaner(
    tags=RICH_TAGS,
    attributes={"a": {"href"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel=None,
)
_STYLE = re.compile(r"(<style.*?</style>)", re.DOTALL)
_BLOCK = re.compile(r"\s*(</?(?:table|tbody|tr|td|div|p|h[1-3]|ul|ol|li|br|meta)\b[^<>]*>)\s*")

Content = TypeVar("Content", EditionContent, SectionContent, ItemContent)


class RenderError(ValueError):
    """The edition cannot be rendered. The message is one sentence that an editor can act on."""


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
    introduction = sanitise_rich_text(content.introduction_html)
    plain = {"edition": _cleaned(content, neutralise), "introduction": _Lines.of(introduction)}
    # The introduction comes straight after the title, so its headings are of the second level there.
    rich = {
        "edition": _cleaned(content, _one_line),
        "introduction": mark_safe(introduction.replace("h3>", "h2>")),  # noqa: S308  sanitised
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
        numbers = {_link(address): number for address, number in links.items()}

        def numbered(match: re.Match[str]) -> str:
            number = numbers.get(unescape(match[2]))
            return match[0] if number is None else f'{match[1]}{escape(f"{click_base}/{number}")}"'

        html = re.sub(r'(<a\b[^<>]*?\bhref=")([^"]*)"', numbered, html)
    if pixel_url is not None:
        pixel = f'<img src="{escape(pixel_url)}" width="1" height="1" alt="" style="display:block;border:0">'
        before, end, after = html.rpartition("</body>")
        html = before + pixel + end + after
    return html


def header_value(text: str) -> str:
    """Return `text` if a mail header can carry it, else raise `ValueError`.

    Anymail's API backends hand line breaks on to the provider, so they are refused here.
    """
    if found := _NO_HEADER.search(text):
        raise ValueError(f"A subject must be one line of visible characters: this one holds U+{ord(found[0]):04X}.")
    return text


def neutralise(text: str) -> str:
    """Make text from outside harmless in a header or text part: one line, nothing invisible, no template syntax.

    Providers fill in `{{ name }}`, `%recipient.name%` or `*|NAME|*` wherever it stands: a space breaks it up.
    In HTML it is broken up by `render_edition`, with character references that no reader sees.
    """
    return _SYNTAX.sub(r"\g<0> ", _one_line(text))


def sanitise_rich_text(html: str) -> str:
    """Reduce an editor's HTML to `RICH_TAGS`, at most `MAX_DEPTH` deep, well formed and without slots.

    Links keep an absolute http, https or mailto address. Raises `RenderError` when there is too much of it.
    """
    if html.count("<") > MAX_TAGS or len(html) > MAX_RICH_TEXT * 50:
        raise RenderError("The introduction holds too much formatting: paste it again as plain text.")
    bounded = _Bounded()
    bounded.feed(_CLEANER.clean(_INVISIBLE.sub("", html)))
    bounded.close()  # hands over text that might have been the start of an entity
    result = _without_slots("".join(bounded.out))
    if len(result) > MAX_RICH_TEXT:
        raise RenderError(f"The introduction is too long: shorten it to {MAX_RICH_TEXT:,} characters.")
    return result


def compile_mjml(source: str) -> str:
    """Compile MJML to HTML: the one place that does, so that tests can count how often."""
    try:
        # Without `fonts` the compiler makes the mail load Roboto from Google, which would tell them who reads it.
        return mjml.mjml2html(source, fonts={})
    except ValueError as error:
        raise RenderError(f"The e-mail's template could not be compiled: {error}.") from error


class _Bounded(HTMLParser):
    """Writes the sanitiser's output again, without the tags that are nested too deeply."""

    def __init__(self) -> None:
        super().__init__()
        self.out: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.out.append("<br />")
            return
        self.depth += 1
        if self.depth <= MAX_DEPTH:
            with suppress(RenderError):
                tag += f' href="{escape(_link(dict(attrs).get("href") or "", schemes=("http", "https", "mailto")))}"'
            self.out.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if self.depth <= MAX_DEPTH:
            self.out.append(f"</{tag}>")
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.out.append(escape(_INVISIBLE.sub("", data), quote=False))


class _Lines(HTMLParser):
    """Reads clean rich text as lines: a blank one after a block, a dash before an item, each address on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.line = ""
        self.addresses: list[str] = []

    @classmethod
    def of(cls, rich_text: str) -> str:
        parser = cls()
        parser.feed(f"{rich_text}<br>")  # what stands behind the last block is a line too
        parser.close()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(parser.lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"p", "h3", "ul", "ol", "li", "br"}:
            self.end_line()
        if tag == "li":
            self.line = "- "
        self.addresses += [address for _, address in attrs if address]

    def handle_endtag(self, tag: str) -> None:
        if tag in {"p", "h3", "ul", "ol", "li"}:
            self.end_line(gap=tag != "li")

    def handle_data(self, data: str) -> None:
        self.line += data

    def end_line(self, *, gap: bool = False) -> None:
        self.lines += [neutralise(self.line), *self.addresses, *([""] if gap else [])]
        self.line, self.addresses = "", []


def _cleaned(content: Content, clean: Callable[[str], str]) -> Content:
    """Copy content with each text cleaned and each address checked, all the way down."""
    changes: dict[str, Any] = {}
    for field in fields(content):
        value = getattr(content, field.name)
        if not field.init or field.name == "introduction_html" or (field.name == "greeting" and value == GREETING_SLOT):
            continue
        if isinstance(value, tuple):
            changes[field.name] = tuple(_cleaned(part, clean) for part in value)
        elif field.name == "url" or (field.name.endswith("_url") and value):
            changes[field.name] = _link(value, personal=field.name in PERSONAL_LINKS)
        elif isinstance(value, str):
            changes[field.name] = clean(value)
    return replace(content, **changes)


def _link(address: str, *, schemes: tuple[str, ...] = ("http", "https"), personal: bool = False) -> str:
    """Check an absolute address and percent-encode what could be mistaken for markup or template syntax in it."""
    try:
        parts = urlsplit(address)
        valid = parts.scheme in schemes and (bool(parts.netloc) or parts.scheme == "mailto")
        if not parts.netloc.isascii():
            address = parts._replace(netloc=parts.netloc.encode("idna").decode()).geturl()
    except ValueError:
        valid = False
    if not valid or re.search(r"\s", address) or _INVISIBLE.search(address):
        raise RenderError(f"The address “{_one_line(address)[:80]}” must begin with https:// and hold no blanks.")
    if GREETING_SLOT in address or (TOKEN_SLOT in address and not personal):
        raise RenderError(f"The address “{address[:80]}” holds words that are reserved for personal links.")
    encoded = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", iri_to_uri(address))
    return encoded.replace("[[", "%5B%5B").replace("]]", "%5D%5D").replace("'", "%27")


def _one_line(text: str) -> str:
    return _without_slots(" ".join(_INVISIBLE.sub("", text).split()))


def _without_slots(text: str) -> str:
    return _SLOT.sub(r"ihop \1 slot", text)


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
    return _SYNTAX.sub(lambda match: f"&#{ord(match[0])};", html)


def _wrapped(text: str) -> str:
    """Break lines at `TEXT_WIDTH`, never inside an address or slot, and keep at most two blank ones in a row."""
    wrapper = TextWrapper(TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)
    lines = "\n".join(wrapper.fill(line) for line in text.splitlines())
    return re.sub(r"\n{4,}", "\n\n\n", lines).strip() + "\n"
