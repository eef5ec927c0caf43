"""Make what people wrote harmless: rich text, lines of text, addresses and headers. Pure functions.

It happens before the MJML compiler sees anything: the compiler does not validate, and deep nesting ends the whole
process. Nobody may write a slot: those are filled in per recipient (`rendering.py`).
"""

import re
from contextlib import suppress
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

import nh3
from django.utils.encoding import iri_to_uri

TOKEN_SLOT = "ihop-token-slot"  # noqa: S105  the recipient's token goes here, only in addresses
GREETING_SLOT = "ihop-greeting-slot"  # "Hello Sam," goes here: neutralised, and escaped in the HTML part
MAX_RICH_TEXT = 20_000  # characters of an introduction once it is clean
MAX_ANNOUNCEMENT = 6_000  # the same of an announcement, whose words the editor already bounds
MAX_TAGS = 25_000  # tags of an introduction as it came: the sanitiser's time grows with the square of their nesting
MAX_DEPTH = 8  # levels of nesting that reach the compiler; text further in is kept, its tags are not
RICH_TAGS = {"p", "br", "strong", "b", "em", "i", "a", "ul", "ol", "li", "h3"}

# Marks, embeddings, overrides and isolates that change the direction of the text after them; a regular expression.
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# No header may hold these: controls (line breaks too), surrogates, line and paragraph separators.
_NO_HEADER = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{BIDI_CONTROLS}]")
# Nobody can see these, or no XML parser takes them: controls, private use, surrogates, non-characters.
INVISIBLE = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff{BIDI_CONTROLS}"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0xF0000, 0x10000))
    + "]"
)
# First characters of what a provider may read as its own syntax: {{ }} {% %} {# #} {$ <% %> *| |* [[ ]] [% %] %x%
SYNTAX = re.compile(
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


class RenderError(ValueError):
    """The edition cannot be rendered. The message is one sentence that an editor can act on."""


def header_value(text: str, what: str = "A subject") -> str:
    """Return `text` if a mail header can carry it, else raise `ValueError`, which says `what` cannot be carried.

    Anymail's API backends hand line breaks on to the provider, so they are refused here.
    """
    if found := _NO_HEADER.search(text):
        raise ValueError(f"{what} must be one line of visible characters: this one holds U+{ord(found[0]):04X}.")
    return text


def neutralise(text: str) -> str:
    """Make text from outside harmless in a header or text part: one line, nothing invisible, no template syntax.

    Providers fill in `{{ name }}`, `%recipient.name%` or `*|NAME|*` wherever it stands: a space breaks it up.
    In HTML it is broken up by `render_edition`, with character references that no reader sees.
    """
    return SYNTAX.sub(r"\g<0> ", one_line(text))


def sanitise_rich_text(html: str, *, what: str = "The introduction", most: int = MAX_RICH_TEXT) -> str:
    """Reduce an editor's HTML to `RICH_TAGS`, at most `MAX_DEPTH` deep, well formed and without slots.

    Links keep an absolute http, https or mailto address. Raises `RenderError`, which names `what`, when there is
    too much of it: more than `most` characters once it is clean.
    """
    if html.count("<") > MAX_TAGS or len(html) > MAX_RICH_TEXT * 50:
        raise RenderError(f"{what} holds too much formatting: paste it again as plain text.")
    bounded = _Bounded()
    bounded.feed(_CLEANER.clean(INVISIBLE.sub("", html)))
    bounded.close()  # hands over text that might have been the start of an entity
    result = _without_slots("".join(bounded.out))
    if len(result) > most:
        raise RenderError(f"{what} is too long: shorten it to {most:,} characters.")
    return result


def checked_link(address: str, *, schemes: tuple[str, ...] = ("http", "https"), personal: bool = False) -> str:
    """Check an absolute address and percent-encode what could be mistaken for markup or template syntax in it."""
    try:
        parts = urlsplit(address)
        valid = parts.scheme in schemes and (bool(parts.netloc) or parts.scheme == "mailto")
        if not parts.netloc.isascii():
            address = parts._replace(netloc=parts.netloc.encode("idna").decode()).geturl()
    except ValueError:
        valid = False
    if not valid or re.search(r"\s", address) or INVISIBLE.search(address):
        raise RenderError(f"The address “{one_line(address)[:80]}” must begin with https:// and hold no blanks.")
    if GREETING_SLOT in address or (TOKEN_SLOT in address and not personal):
        raise RenderError(f"The address “{address[:80]}” holds words that are reserved for personal links.")
    encoded = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", iri_to_uri(address))
    return encoded.replace("[[", "%5B%5B").replace("]]", "%5D%5D").replace("'", "%27")


def one_line(text: str) -> str:
    """Text from outside as one line, without what nobody can see and without slots."""
    return _without_slots(" ".join(INVISIBLE.sub("", text).split()))


def _without_slots(text: str) -> str:
    return _SLOT.sub(r"ihop \1 slot", text)


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
                address = checked_link(dict(attrs).get("href") or "", schemes=("http", "https", "mailto"))
                tag += f' href="{escape(address)}"'
            self.out.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if self.depth <= MAX_DEPTH:
            self.out.append(f"</{tag}>")
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.out.append(escape(INVISIBLE.sub("", data), quote=False))


class Lines(HTMLParser):
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
