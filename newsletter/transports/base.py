"""What every transport takes and gives back."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from typing import Protocol


class Result(StrEnum):
    """How one hand-over ended, judged once, at the edge of the network call (design.md, ADR 5)."""

    SENT = "sent"  # accepted by the provider
    RETRY = "retry_wait"  # proved not accepted, and may be later
    FAILED = "failed"  # proved not accepted, and never will be
    UNKNOWN = "unknown"  # cannot be proved either way: never sent again by itself


@dataclass(frozen=True)
class Outcome:
    """What happened to one delivery. `reason` is a short code or sentence without addresses."""

    delivery: int
    result: Result
    reason: str = ""
    message_id: str = ""  # the provider's, where it gives one of its own
    retry_after: float | None = None  # seconds, where the provider said
    throttled: bool = False  # we are asked to go slower (429, 421): says nothing about this recipient


class Outgoing(Protocol):
    """One message for one person, ready to go (`skeletons.Message`)."""

    @property
    def delivery(self) -> int:
        """Its id in the ledger."""

    @property
    def issue(self) -> str:
        """The issue's period, such as `2026-10`."""

    @property
    def sender(self) -> str:
        """The address only, for the envelope."""

    @property
    def recipient(self) -> str:
        """The address only."""

    def as_bytes(self) -> bytes:
        """The whole message, CRLF line ends, for files."""

    def as_wire(self) -> bytes:
        """The same as SMTP's DATA wants it (RFC 5321, 4.5.2): full stops doubled where a line begins with one, no CR
        or LF alone, and the closing full stop."""

    def as_email(self) -> EmailMessage:
        """The same message as an object, for transports that want its parts."""

    @property
    def batch_key(self) -> Hashable:
        """Messages with the same key differ in their `fields` only, so one call may carry several of them."""

    @property
    def fields(self) -> Mapping[str, str]:
        """This person's values by slot: to, delivery, token, greeting_text, greeting_html (escaped). Plain text."""

    def template(self, placeholder: Callable[[str], str]) -> EmailMessage:
        """The message with `placeholder(slot)` in the place of each value, the same for everybody of a batch."""


class TransportUnavailable(Exception):
    """Nothing can be handed over at present, and nothing was: one sentence that says what to do."""


class Transport(Protocol):
    @property
    def name(self) -> str:
        """The provider's name in the registry, for the ledger."""

    def check(self) -> None:
        """Raise TransportUnavailable when nothing could be sent now (before anything is frozen)."""

    def send(self, messages: Iterable[Outgoing]) -> Iterator[Outcome]:
        """Hand messages over and say what became of each, in any order.

        A message is taken from `messages` only when it is about to be handed over, and gets an outcome; several may
        be under way at once. Raises TransportUnavailable when no more can be handed over: what was taken and got no
        outcome was then provably not accepted. After any other error what was taken and got no outcome is in doubt.
        """

    def close(self) -> None:
        """Let connections go."""
