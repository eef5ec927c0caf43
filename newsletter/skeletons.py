"""Prepared messages: everything of a mail but the recipient's two values is built once per edition.

A skeleton is the finished MIME message, encoded and split at its slots; a message is those pieces joined with
one person's address, greeting and token. That is what makes sending fast, and what makes every recipient of an
edition get the same bytes.
"""

import hashlib
import html
import quopri
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, parseaddr
from functools import cached_property
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from newsletter.models import Edition, Issue, Link
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT, header_value, neutralise, with_tracking

NEWLINE = b"\r\n"


@dataclass(frozen=True)
class Variant:
    """What a reader agreed to have measured decides which links and whether a pixel their mail holds."""

    clicks: bool = False
    opens: bool = False


@dataclass(frozen=True)
class Skeleton:
    """The pieces of one edition in one variant. Between them come the slots, in this order of names."""

    edition: int
    issue: str
    sender: str
    pieces: tuple[bytes, ...]
    slots: tuple[str, ...]

    def message(self, *, delivery: int, address: str, first_name: str, token: str) -> "Message":
        return Message(self, delivery, address, first_name, token)


@dataclass(frozen=True)
class Message:
    """One message for one person, joined only when its bytes are asked for."""

    skeleton: Skeleton
    delivery: int
    recipient: str
    first_name: str
    token: str

    @property
    def issue(self) -> str:
        return self.skeleton.issue

    @property
    def sender(self) -> str:
        return self.skeleton.sender

    @cached_property
    def values(self) -> Mapping[str, bytes]:
        greeting = greeting_for(self.first_name)
        return {
            "to": header_value(self.recipient).encode(),
            "delivery": str(self.delivery).encode(),
            "token": self.token.encode(),
            "greeting_html": _short_last_line(_encode(html.escape(greeting))),
            "greeting_text": _short_last_line(_encode(greeting)),
        }

    def as_bytes(self) -> bytes:
        skeleton = self.skeleton
        parts: list[bytes] = [skeleton.pieces[0]]
        for slot, piece in zip(skeleton.slots, skeleton.pieces[1:], strict=True):
            parts += (self.values[slot], piece)
        return b"".join(parts)

    def as_email(self) -> EmailMessage:
        message = message_from_bytes(self.as_bytes(), policy=policy.SMTPUTF8)
        assert isinstance(message, EmailMessage)
        return message


def greeting_for(first_name: str) -> str:
    """“Hello Sam,”, or “Hello,” for somebody who gave no name. Whatever a name holds, it stays harmless text."""
    name = neutralise(first_name)
    return f"Hello {name}," if name else "Hello,"


class Workshop:
    """Builds the skeletons of one issue when they are first needed, and keeps them while a process sends it."""

    def __init__(self, issue: Issue) -> None:
        self.issue = issue
        self.sender = header_value(settings.NEWS_FROM)
        self.domain = parseaddr(self.sender)[1].rpartition("@")[2]
        mailing = issue.get_mailing()
        # The same in every process that sends this issue, so that a retried message is the same message.
        self.date = format_datetime((mailing and mailing.started_at) or timezone.now())
        self._links: dict[str, int] | None = None
        self._skeletons: dict[tuple[int, Variant], Skeleton] = {}

    @property
    def links(self) -> dict[str, int]:
        if self._links is None:
            self._links = dict(Link.objects.filter(issue=self.issue).values_list("url", "number"))
        return self._links

    def skeleton(self, edition: int, variant: Variant) -> Skeleton:
        """Return the skeleton, building it (one query for an edition not seen before) when it is not there yet."""
        key = (edition, variant)
        if key not in self._skeletons:
            self._skeletons[key] = self.build(Edition.objects.get(pk=edition), variant)
        return self._skeletons[key]

    def build(self, edition: Edition, variant: Variant) -> Skeleton:
        site = settings.SITE_URL
        page = with_tracking(
            edition.html,
            links=self.links,
            click_base=f"{site}/l/{TOKEN_SLOT}" if variant.clicks else None,
            pixel_url=f"{site}/o/{TOKEN_SLOT}.gif" if variant.opens else None,
        )
        # The boundary must not occur in the parts and must be the same each time: it is made from their hash.
        boundary = "=_" + hashlib.sha256((edition.content_hash + repr(variant)).encode()).hexdigest()[:32]
        pieces: list[bytes] = [b""]
        slots: list[str] = []

        def add(part: bytes) -> None:
            pieces[-1] += part

        def slot(name: str) -> None:
            slots.append(name)
            pieces.append(b"")

        def body(text: str, greeting: str) -> None:
            for kind, chunk in _split(text):
                if kind == "text":
                    add(_short_last_line(_encode(chunk)))
                    continue
                # A soft line break on either side: whatever the value is, no line grows too long.
                add(b"=" + NEWLINE)
                slot("token" if kind == "token" else greeting)
                add(b"=" + NEWLINE)

        add(self._fixed_headers(edition))
        add(b"To: ")
        slot("to")
        add(NEWLINE + b"Message-ID: <")
        slot("delivery")
        add(f".{self.issue.period}@{self.domain}>".encode() + NEWLINE)
        add(f"List-Unsubscribe: <{site}/e-news/u/".encode())
        slot("token")
        add(b"/>" + NEWLINE)
        add(f'Content-Type: multipart/alternative; boundary="{boundary}"'.encode() + NEWLINE * 2)
        for subtype, text, greeting in (("plain", edition.text, "greeting_text"), ("html", page, "greeting_html")):
            add(f"--{boundary}".encode() + NEWLINE)
            add(f"Content-Type: text/{subtype}; charset=utf-8".encode() + NEWLINE)
            add(b"Content-Transfer-Encoding: quoted-printable" + NEWLINE * 2)
            body(text, greeting)
            add(NEWLINE)
        add(f"--{boundary}--".encode() + NEWLINE)
        return Skeleton(edition.pk, self.issue.period, parseaddr(self.sender)[1], tuple(pieces), tuple(slots))

    def _fixed_headers(self, edition: Edition) -> bytes:
        """The headers that are the same for every recipient (quality.md 1; RFC 2919, RFC 8058, RFC 3834)."""
        host = urlsplit(settings.SITE_URL).hostname or self.domain
        headers = {
            "From": formataddr(parseaddr(self.sender)),
            "Subject": Header(
                header_value(edition.subject), "utf-8" if not edition.subject.isascii() else "ascii"
            ).encode(linesep="\r\n"),
            "Date": self.date,
            "MIME-Version": "1.0",
            "List-Id": f"i-HOP e-news <e-news.{host}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
            "Feedback-ID": f"{self.issue.period}:e-news:ihop",
        }
        return b"".join(f"{key}: {value}".encode() + NEWLINE for key, value in headers.items())


_SLOTS = re.compile(f"({re.escape(TOKEN_SLOT)}|{re.escape(GREETING_SLOT)})")


def _split(text: str) -> list[tuple[str, str]]:
    """Cut a body at its slots: (“text” | “token” | “greeting”, piece)."""
    names = {TOKEN_SLOT: "token", GREETING_SLOT: "greeting"}
    return [(names.get(piece, "text"), piece) for piece in _SLOTS.split(text) if piece]


def _encode(text: str) -> bytes:
    """Quoted-printable (RFC 2045), CRLF line ends, no line that begins with a full stop or “From ”."""
    encoded = quopri.encodestring(text.replace("\r\n", "\n").encode(), quotetabs=False)
    return NEWLINE.join(piece for line in encoded.split(b"\n") for piece in _guarded(line))


def _guarded(line: bytes) -> list[bytes]:
    """Spell a line's dangerous beginning out, which makes it longer, and break it again where it must be."""
    if line.startswith(b"."):
        line = b"=2E" + line[1:]
    elif line.startswith(b"From "):
        line = b"=46rom " + line[5:]
    if len(line) <= 76:
        return [line]
    cut = _safe_cut(line, 72)
    return [line[:cut] + b"=", *_guarded(line[cut:])]


def _safe_cut(encoded: bytes, cut: int) -> int:
    """The nearest place up to `cut` that is not inside “=C3”."""
    while b"=" in encoded[cut - 2 : cut]:
        cut -= 1
    return cut


def _short_last_line(encoded: bytes) -> bytes:
    """Leave room for the “=” of a soft line break at the end (RFC 2045: at most 76 characters a line)."""
    start = encoded.rfind(NEWLINE) + len(NEWLINE) if NEWLINE in encoded else 0
    if len(encoded) - start <= 75:
        return encoded
    cut = _safe_cut(encoded, start + 72)
    return encoded[:cut] + b"=" + NEWLINE + encoded[cut:]
