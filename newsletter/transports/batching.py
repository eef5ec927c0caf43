"""What goes into one call to a mail provider: one person's message, or a template with several people's values.

What the messages of a batch share is taken apart once (`Draft`), so that a message costs little more than joining
strings. Provider syntax is written around our slots only: everything else was neutralised when it was rendered, and
so was the greeting (`rendering.py`, `skeletons.py`).
"""

import re
import threading
import uuid
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage, MIMEPart
from itertools import islice
from typing import Any, Protocol

import idna
from anymail.message import AnymailMessage
from anymail.utils import parse_single_address

from newsletter.transports.base import Outgoing

PEOPLE = 50  # in one call, and so in doubt when it ends without an answer; Mailgun and SendGrid would take 1,000
KEPT = 32  # drafts in memory, about 200 KB each: the ledger is in the order of editions, so few are in use
HEADERS = (
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Auto-Submitted",
    "Feedback-ID",
    "Message-ID",
    "Reply-To",
)
# Control and bidi characters: Anymail's API backends pass them on, and what providers make of them is anybody's guess.
FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Addresses that may share a call. Anything else goes alone: what is encoded, quoted or changed in case on the way
# would no longer be found among the values, and `%recipient.token%@example.org` must not be filled in.
PLAIN = re.compile(r"[a-z0-9_.+'-]+@[a-z0-9.-]+")
# Stands for a slot while a template is taken apart; content cannot hold it (`rendering.py` breaks the words up).
MARK = "ihop-token-slot-{}-"
_MARKS = re.compile("ihop-token-slot-([a-z_]+)-")

Pieces = Sequence[str]  # text at even places, the name of a slot at odd ones


@dataclass(frozen=True)
class Merge:
    """How a provider fills several people's values into one text, HTML and headers."""

    tag: Callable[[str], str]  # what stands for a slot in text and HTML; must fill values in without escaping them
    esp_extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Quirks:
    """What one Anymail backend needs, cannot do, or gets wrong, as far as sending is concerned."""

    tracking_switch: bool = False  # takes track_opens and track_clicks; others raise even for False
    idempotency_in_message: bool = False  # the key goes among the message's headers, not the HTTP request's
    left_out: frozenset[str] = frozenset()  # headers it refuses
    headers: Mapping[str, str] = field(default_factory=dict)  # added to every message
    esp_extra: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)  # for the backend itself, over its settings
    invents_failures: bool = False  # Anymail says “failed” when the reply does not name the recipient
    accepted_status: int | None = None  # Anymail takes any 2xx for success; only this one is


class Abilities(Protocol):
    """What is read of a `providers.Provider`."""

    @property
    def name(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def merge(self) -> Merge | None: ...
    @property
    def metadata(self) -> bool: ...
    @property
    def idempotency_header(self) -> str | None: ...
    @property
    def quirks(self) -> Quirks: ...


@dataclass(frozen=True)
class Draft:
    """A template taken apart: what is the same for everybody, and the pieces between one person's values."""

    subject: str
    sender: str
    text: Pieces
    html: Pieces | None
    headers: Mapping[str, str]
    personal: Mapping[str, Pieces]  # headers with slots

    @classmethod
    def of(cls, template: EmailMessage) -> "Draft":
        """Take a template apart that has MARK in the place of each value. Raises ValueError if it must not be sent."""
        text, html = template.get_body(("plain",)), template.get_body(("html",))
        if text is None:
            raise ValueError("no text part")
        subject = str(template["Subject"])
        sender = str(template["From"])
        headers = {name: str(template[name]).strip() for name in HEADERS if template[name]}
        _refuse_controls([subject, sender, *headers.values()])
        personal = {name: pieces for name, value in headers.items() if len(pieces := _MARKS.split(value)) > 1}
        return cls(
            subject=subject,
            sender=parse_single_address(sender).format(idna_encode=_ascii),
            text=_pieces(text),
            html=_pieces(html) if html else None,
            headers={name: value for name, value in headers.items() if name not in personal},
            personal=personal,
        )


class Drafts:
    """Keeps the drafts in use, for all threads that send."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Draft] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, message: Outgoing) -> Draft:
        """Return the draft of the message's batch. Raises ValueError if it must not be sent."""
        key = message.batch_key
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        draft = Draft.of(message.template(MARK.format))
        with self._lock:
            self._kept[key] = draft
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return draft


@dataclass(frozen=True)
class Addressed:
    """A draft with one person's address, headers and values."""

    delivery: int
    issue: str
    draft: Draft
    to: str
    headers: Mapping[str, str]  # those that are this person's own
    values: Mapping[str, str]

    @property
    def metadata(self) -> dict[str, str]:
        return {"delivery": str(self.delivery), "issue": self.issue}

    @property
    def key(self) -> str:
        """A UUID that is the same each time this delivery is handed over. The Message-ID, with our domain in it, sets
        apart installations that share one provider account."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.headers.get('Message-ID', '')}/{self.issue}/{self.delivery}"))


def address(message: Outgoing, draft: Draft) -> Addressed:
    """Return the draft with this person's values. Raises ValueError for what must not be sent as it is.

    Addresses go out with ASCII domains, because several backends look per-recipient data up under the encoded
    address and find nothing.
    """
    to, values = message.recipient, message.fields
    headers = {name: _filled(pieces, values.__getitem__) for name, pieces in draft.personal.items()}
    _refuse_controls([to, *headers.values()])
    if not PLAIN.fullmatch(to):
        parsed = parse_single_address(to)
        if parsed.addr_spec != to:
            raise ValueError("not an address as it stands")  # “sam@exa mple.org” would go to somebody at example.org
        to = parsed.format_addr_spec(idna_encode=_ascii)
    return Addressed(message.delivery, message.issue, draft, to, headers, values)


def calls(messages: Iterable[Outgoing], size: int) -> Iterator[list[Outgoing]]:
    """Take up to `size` messages at a time and yield those that may share a call.

    When taking one fails, those taken before it are still yielded first.
    """
    remaining = iter(messages)
    error: Exception | None = None
    while error is None:
        taken: list[Outgoing] = []
        try:
            for message in islice(remaining, size):
                taken.append(message)
        except Exception as caught:
            error = caught
        if not taken:
            break
        yield from _alike(taken)
    if error:
        raise error


def _alike(taken: Sequence[Outgoing]) -> Collection[list[Outgoing]]:
    """Put together what differs in values only. Nobody is in a call twice: values are found by address."""
    alike: defaultdict[Hashable, list[Outgoing]] = defaultdict(list)
    met: Counter[str] = Counter()
    for place, message in enumerate(taken):
        met[message.recipient] += 1
        shared = (message.batch_key, met[message.recipient])
        alike[shared if PLAIN.fullmatch(message.recipient) else place].append(message)
    return alike.values()


def build_mail(people: Sequence[Addressed], provider: Abilities) -> AnymailMessage:
    """Return what Anymail takes: our headers, our ids as metadata, no tracking; for one person, or for several of
    one draft, each of whom gets a message of their own with themselves in To and no trace of the others."""
    first, draft, quirks = people[0], people[0].draft, provider.quirks
    headers: dict[str, str] = {**draft.headers}
    extra: dict[str, Any] = {**quirks.esp_extra}
    more: dict[str, Any] = {}
    if len(people) == 1:
        value = first.values.__getitem__
        headers |= first.headers
        if provider.idempotency_header and quirks.idempotency_in_message:
            headers[provider.idempotency_header] = first.key
        if provider.metadata:
            more["metadata"] = first.metadata
    else:
        assert provider.merge
        value = provider.merge.tag
        extra |= provider.merge.esp_extra
        slots = {*draft.text[1::2], *(draft.html or ())[1::2]}
        more["merge_data"] = {one.to: {slot: one.values[slot] for slot in slots} for one in people}
        more["merge_headers"] = {one.to: {**one.headers} for one in people}
        more["merge_metadata"] = {one.to: one.metadata for one in people}
    if quirks.tracking_switch:
        more |= {"track_opens": False, "track_clicks": False}
    if extra:
        more["esp_extra"] = extra
    mail = AnymailMessage(
        subject=draft.subject,
        body=_filled(draft.text, value),
        from_email=draft.sender,
        to=[one.to for one in people],
        headers={name: text for name, text in headers.items() if name not in quirks.left_out} | {**quirks.headers},
        **more,
    )
    if draft.html:
        mail.attach_alternative(_filled(draft.html, value), "text/html")
    return mail


def _pieces(part: MIMEPart) -> Pieces:
    return _MARKS.split(part.get_content().replace("\r\n", "\n"))


def _filled(pieces: Pieces, value: Callable[[str], str]) -> str:
    return "".join(value(piece) if place % 2 else piece for place, piece in enumerate(pieces))


def _refuse_controls(values: Iterable[str]) -> None:
    if any(FORBIDDEN.search(value) for value in values):
        raise ValueError("a header holds a control character")


def _ascii(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode()
