"""Prepared messages: everything of a mail but the recipient's two values is built once per edition.

A skeleton is the finished MIME message, encoded and split at its slots; a message is those pieces joined with
one person's address, greeting and token. That is what makes sending fast, and what makes every recipient of an
edition get the same bytes. Skeletons are kept in the database (`Prepared`) with a hash, so that every process that
sends an issue sends the same.
"""

import hashlib
import html
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cached_property, lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from newsletter.encoding import NEWLINE, quoted_printable, short_last_line
from newsletter.models import Edition, Issue, Prepared
from newsletter.numbering import addresses_in_mail
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT, header_value, neutralise, with_tracking
from newsletter.sender import header_addresses
from newsletter.transports.wire import END, needs_nothing, on_the_wire

MARK = b"\0"  # stands on either side of a slot's name in what is stored: a mail can hold no NUL of its own
KEPT = 300  # skeletons in a process's memory: some 15 MB. The ledger is in the order of editions, so few are in use


@dataclass(frozen=True)
class Variant:
    """What a reader agreed to have measured decides which links and whether a pixel their mail holds."""

    clicks: bool = False
    opens: bool = False


class Altered(RuntimeError):
    """A prepared message is not what it was when it was prepared: sending it would not be what was approved."""


@dataclass(frozen=True)
class Skeleton:
    """The pieces of one edition in one variant. Between them come the slots, in this order of names."""

    edition: int
    variant: Variant
    issue: str
    sender: str
    pieces: tuple[bytes, ...]
    slots: tuple[str, ...]

    def message(self, *, delivery: int, address: str, first_name: str, token: str) -> "Message":
        return Message(self, delivery, address, first_name, token)

    def joined(self, value: Callable[[str], bytes], end: bytes = b"") -> bytes:
        """The whole message with `value(slot)` in the place of each slot."""
        parts: list[bytes] = [self.pieces[0]]
        for slot, piece in zip(self.slots, self.pieces[1:], strict=True):
            parts += (value(slot), piece)
        parts.append(end)
        return b"".join(parts)

    @cached_property
    def is_wire_clean(self) -> bool:
        """Whether SMTP can take the message as it is. Values are made so that they never change that."""
        return needs_nothing(self.joined(lambda slot: b"x"))


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

    @property
    def batch_key(self) -> Hashable:
        return (self.skeleton.edition, self.skeleton.variant)

    @cached_property
    def fields(self) -> Mapping[str, str]:
        greeting = greeting_for(self.first_name)
        return {
            "to": header_value(self.recipient),
            "delivery": str(self.delivery),
            "token": self.token,
            "greeting_html": html.escape(greeting),
            "greeting_text": greeting,
        }

    def as_bytes(self) -> bytes:
        return self.skeleton.joined(self._values().__getitem__)

    def as_wire(self) -> bytes:
        if self.skeleton.is_wire_clean:
            return self.skeleton.joined(self._values().__getitem__, END)
        return on_the_wire(self.as_bytes())

    def _values(self) -> dict[str, bytes]:
        greeting_html, greeting_text = _encoded_greetings(self.first_name)
        return {
            "to": header_value(self.recipient).encode(),
            "delivery": b"%d" % self.delivery,
            "token": self.token.encode(),
            "greeting_html": greeting_html,
            "greeting_text": greeting_text,
        }

    def as_email(self) -> EmailMessage:
        return _parsed(self.as_bytes())

    def template(self, placeholder: Callable[[str], str]) -> EmailMessage:
        return _parsed(self.skeleton.joined(lambda slot: placeholder(slot).encode()))


def greeting_for(first_name: str) -> str:
    """“Hello Sam,”, or “Hello,” for somebody who gave no name. Whatever a name holds, it stays harmless text."""
    name = neutralise(first_name)
    return f"Hello {name}," if name else "Hello,"


@lru_cache(maxsize=2048)
def _encoded_greetings(first_name: str) -> tuple[bytes, bytes]:
    """A first name's greeting as it stands in the HTML part and in the text part. Names repeat: it is kept."""
    greeting = greeting_for(first_name)
    return short_last_line(quoted_printable(html.escape(greeting))), short_last_line(quoted_printable(greeting))


def _parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    return message


class Workshop:
    """Prepares the skeletons of one issue, once, and keeps those in use in memory while a process sends it."""

    def __init__(self, issue: Issue) -> None:
        self.issue = issue
        self.sender, self.reply_to = header_addresses(issue)
        self.domain = parseaddr(self.sender)[1].rpartition("@")[2]
        mailing = issue.get_mailing()
        self.counts_clicks = bool(mailing and mailing.counts_clicks)
        # The same in every process that sends this issue, so that a retried message is the same message.
        self.date = format_datetime((mailing and mailing.started_at) or timezone.now())
        self._links: dict[str, int] | None = None
        self._skeletons: OrderedDict[tuple[int, Variant], Skeleton] = OrderedDict()

    @property
    def links(self) -> dict[str, int]:
        if self._links is None:
            self._links = {url: number for number, url in addresses_in_mail(self.issue.pk).items()}
        return self._links

    def skeleton(self, edition: int, variant: Variant) -> Skeleton:
        """Return the skeleton: from memory, else from the database, else prepared now and stored.

        Raises Altered when what is stored is not what was prepared.
        """
        key = (edition, variant)
        if key in self._skeletons:
            self._skeletons.move_to_end(key)
            return self._skeletons[key]
        stored = Prepared.objects.filter(edition=edition, clicks=variant.clicks, opens=variant.opens)
        prepared = stored.first()
        if not prepared:
            self.prepare([Edition.objects.get(pk=edition)], variant)
            prepared = stored.get()
        self._skeletons[key] = self._loaded(prepared, variant)
        if len(self._skeletons) > KEPT:
            self._skeletons.popitem(last=False)
        return self._skeletons[key]

    def prepare(self, editions: Iterable[Edition], variant: Variant) -> None:
        """Store the finished messages of these editions; whoever came first counts."""
        made = []
        for edition in editions:
            content = self.compose(edition, variant)
            made.append(
                Prepared(
                    edition=edition,
                    clicks=variant.clicks,
                    opens=variant.opens,
                    content=content,
                    content_hash=hashlib.sha256(content).hexdigest(),
                )
            )
        Prepared.objects.bulk_create(made, batch_size=100, ignore_conflicts=True)

    def _loaded(self, prepared: Prepared, variant: Variant) -> Skeleton:
        content = bytes(prepared.content)
        if hashlib.sha256(content).hexdigest() != prepared.content_hash:
            raise Altered(f"Edition {prepared.edition_id} has been changed since it was prepared: do not send it.")
        return self._split_up(prepared.edition_id, variant, content)

    def _split_up(self, edition: int, variant: Variant, content: bytes) -> Skeleton:
        parts = content.replace(MARK + b"date" + MARK, self.date.encode()).split(MARK)
        names = tuple(name.decode() for name in parts[1::2])
        return Skeleton(edition, variant, self.issue.period, parseaddr(self.sender)[1], tuple(parts[::2]), names)

    def build(self, edition: Edition, variant: Variant) -> Skeleton:
        """The skeleton of an edition, without looking at what is stored or storing anything."""
        return self._split_up(edition.pk, variant, self.compose(edition, variant))

    def compose(self, edition: Edition, variant: Variant) -> bytes:
        """The finished MIME message of an edition, with MARK name MARK for each slot."""
        site = settings.SITE_URL
        page = with_tracking(
            edition.html,
            links=self.links,
            click_base=self.click_base(variant),
            pixel_url=f"{site}/o/{TOKEN_SLOT}.gif" if variant.opens else None,
        )
        # The boundary must not occur in the parts and must be the same each time: it is made from their hash.
        boundary = "=_" + hashlib.sha256((edition.content_hash + repr(variant)).encode()).hexdigest()[:32]
        parts: list[bytes] = []
        add = parts.append

        def slot(name: str) -> None:
            add(MARK + name.encode() + MARK)

        def body(text: str, greeting: str) -> None:
            for kind, chunk in _split(text):
                if kind == "text":
                    add(short_last_line(quoted_printable(chunk)))
                    continue
                # A soft line break on either side: whatever the value is, no line grows too long.
                add(b"=" + NEWLINE)
                slot("token" if kind == "token" else greeting)
                add(b"=" + NEWLINE)

        add(self._fixed_headers(edition))
        add(b"Date: ")
        slot("date")
        add(NEWLINE + b"To: ")
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
        return b"".join(parts)

    def click_base(self, variant: Variant) -> str | None:
        """What links begin with that are measured, or counted the same for everybody (ADR 23); None for plain ones."""
        if variant.clicks:
            return f"{settings.SITE_URL}/l/{TOKEN_SLOT}"
        return f"{settings.SITE_URL}/l/{self.issue.period}" if self.counts_clicks else None

    def _fixed_headers(self, edition: Edition) -> bytes:
        """The headers that are the same for every recipient (quality.md 1; RFC 2919, RFC 8058, RFC 3834)."""
        host = urlsplit(settings.SITE_URL).hostname or self.domain
        headers = {
            "From": self.sender,
            **({"Reply-To": self.reply_to} if self.reply_to else {}),
            "Subject": Header(
                header_value(edition.subject), "utf-8" if not edition.subject.isascii() else "ascii"
            ).encode(linesep="\r\n"),
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
