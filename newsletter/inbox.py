"""How a mailbox lists a mail before it is opened: sender, subject and what comes first in it, cut where it is cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from html.parser import HTMLParser

from newsletter.rendering import Rendered

PREVIEWED = 200  # characters: no mailbox shows more of a mail in its list
FILLING = "\u2007\u034f\u200b\u200c\u00ad\ufeff"  # invisible: keeps the masthead out of the line after the preheader


@dataclass(frozen=True)
class Mailbox:
    """Where one lists cuts, in characters. `line`: subject and preview share one line of this length."""

    name: str
    sender: int
    subject: int
    preview: int
    line: int = 0


# Rules of thumb for usual sizes of screen and type: letters differ in width, so a few characters either way.
MAILBOXES = (
    Mailbox("Gmail on a computer", sender=20, subject=100, preview=PREVIEWED, line=110),
    Mailbox("Gmail on a phone", sender=25, subject=37, preview=42),
    Mailbox("iPhone Mail", sender=25, subject=38, preview=88),
)


@dataclass(frozen=True)
class Part:
    """A piece of text: what is shown of it, and what is cut off."""

    shown: str
    lost: str

    @classmethod
    def cut(cls, text: str, length: int) -> "Part":
        if len(text) <= length:
            return cls(text, "")
        kept = text[: max(0, length - 1)].rstrip()
        return cls(f"{kept}…", text[len(kept) :].strip())


@dataclass(frozen=True)
class Row:
    """One mail in one mailbox's list."""

    mailbox: str
    sender: Part
    subject: Part
    preview: Part


def rows(rendered: Rendered, sender: str) -> Iterator[Row]:
    """The mail as each of `MAILBOXES` lists it. `sender` is a From header."""
    name, address = parseaddr(sender)
    preview = first_words(rendered.html)
    for box in MAILBOXES:
        subject = Part.cut(rendered.subject, box.subject)
        room = min(box.preview, max(0, box.line - len(subject.shown) - 3)) if box.line else box.preview
        yield Row(box.name, Part.cut(name or address, box.sender), subject, Part.cut(preview, room))


def first_words(page: str) -> str:
    """What a mailbox shows after the subject: the first text of the HTML part, which is the preheader if there is
    one. What follows its filling is not reached."""
    reader = _FirstWords()
    reader.feed(page)
    text = "".join(reader.text)
    filling = next((place for place, letter in enumerate(text) if letter in FILLING), len(text))
    beginning = " ".join(text[:filling].split())
    return beginning or " ".join(text.translate(dict.fromkeys(map(ord, FILLING))).split())[:PREVIEWED]


class _FirstWords(HTMLParser):
    """Reads the text of a mail's body until there is more of it than any list shows."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.length = 0
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in {"head", "style", "script", "title"}

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in {"head", "style", "script", "title"}
        if tag in {"p", "div", "td", "h1", "h2", "h3", "li"}:
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.hidden and self.length < 3 * PREVIEWED:
            self.text.append(data)
            self.length += len(data.strip())
