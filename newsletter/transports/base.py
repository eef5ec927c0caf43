"""What every transport takes and gives back."""

from collections.abc import Iterator, Sequence
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
        """The whole message, CRLF line ends, for SMTP and files."""

    def as_email(self) -> EmailMessage:
        """The same message as an object, for transports that want its parts."""


class TransportUnavailable(Exception):
    """Nothing can be handed over at present, and nothing was: one sentence that says what to do."""


class Transport(Protocol):
    def check(self) -> None:
        """Raise TransportUnavailable when nothing could be sent now (before anything is frozen)."""

    def send(self, messages: Sequence[Outgoing]) -> Iterator[Outcome]:
        """Hand over one message after another, each when its outcome is asked for.

        Raises TransportUnavailable only before the first byte of a message went out. Messages whose outcome was
        not asked for, or not given, were not handed over.
        """

    def close(self) -> None:
        """Let connections go."""
