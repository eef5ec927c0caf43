"""How Mailgun and Resend are spoken to: from a request to the messages in it, and from a verdict to their answer."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import getaddresses, parseaddr
from typing import Any, Protocol

from benchmarks.simulators.wire import Reply, Request

SLOT = re.compile(r"%recipient\.([^%]+)%")


class Unreadable(Exception):
    """The provider would answer 400 to this."""


@dataclass(frozen=True)
class Parcel:
    """One message to one recipient, with what is to come back in its events."""

    recipient: str
    variables: Mapping[str, Any]
    tags: Sequence[str]

    @property
    def key(self) -> str:
        """Which of our deliveries it is, however often it is handed over."""
        return f"{self.variables.get('delivery', '')} {self.recipient}"


class Shape(Protocol):
    """How one provider's API looks."""

    def read(self, request: Request) -> list[Parcel]:
        """Take a call apart. Raises Unreadable."""

    def accepted(self, request: Request, number: int, taken: Sequence[bool]) -> Reply:
        """The answer to call `number`: which of its messages were taken."""

    def refused(self, status: int, why: str) -> Reply:
        """The answer to a call of which nothing was taken."""

    def message_id(self, number: int, place: int) -> str:
        """The id that the answer gives to the message at this place of the call."""


class Mailgun:
    """POST /v3/<domain>/messages, as a form. One id for a whole call; one invalid recipient refuses all of it."""

    def read(self, request: Request) -> list[Parcel]:
        fields = request.form(lambda name: name in {"to", "recipient-variables", "o:tag"} or name.startswith("v:"))
        recipients = [address for _, address in getaddresses([value for name, value in fields if name == "to"])]
        try:
            each = json.loads(dict(fields).get("recipient-variables") or "{}")
        except ValueError as error:
            raise Unreadable("recipient-variables must be JSON") from error
        if not recipients or not all("@" in one for one in recipients):
            raise Unreadable("to parameter is not a valid address. please check documentation")
        variables = {name[2:]: value for name, value in fields if name.startswith("v:")}
        tags = [value for name, value in fields if name == "o:tag"]
        return [Parcel(one, _filled(variables, each.get(one, {})), tags) for one in recipients]

    def accepted(self, request: Request, number: int, taken: Sequence[bool]) -> Reply:
        return Reply(body={"id": self.message_id(number, 0), "message": "Queued. Thank you."})

    def refused(self, status: int, why: str) -> Reply:
        return Reply(status, {"message": why})

    def message_id(self, number: int, place: int) -> str:
        return f"<{number}@simulator.example.org>"


class Resend:
    """POST /emails and /emails/batch, as JSON. An id for each message; a batch may be taken in part if asked to."""

    def read(self, request: Request) -> list[Parcel]:
        try:
            content = request.json()
            messages = content if isinstance(content, list) else [content]
            return [self._parcel(message) for message in messages]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable("Missing `to` field.") from error

    def _parcel(self, message: dict[str, Any]) -> Parcel:
        (recipient,) = message["to"]
        headers = {name.lower(): value for name, value in message.get("headers", {}).items()}
        variables = json.loads(headers.get("x-metadata", "{}"))
        return Parcel(parseaddr(recipient)[1], variables, json.loads(headers.get("x-tags", "[]")))

    def accepted(self, request: Request, number: int, taken: Sequence[bool]) -> Reply:
        ids = [{"id": self.message_id(number, place)} for place, one in enumerate(taken) if one]
        if not request.path.endswith("/batch"):
            return Reply(body=ids[0])
        errors = [{"index": place, "message": "Invalid `to` field."} for place, one in enumerate(taken) if not one]
        return Reply(body={"data": ids, **({"errors": errors} if errors else {})})

    def refused(self, status: int, why: str) -> Reply:
        return Reply(status, {"statusCode": status, "name": "validation_error", "message": why})

    def message_id(self, number: int, place: int) -> str:
        return f"{number:08x}-0000-4000-8000-{place:012x}"


def _filled(values: Mapping[str, str], own: Mapping[str, Any]) -> dict[str, str]:
    """Replace each `%recipient.name%` by the recipient's own value, as Mailgun does."""
    return {name: SLOT.sub(lambda slot: str(own.get(slot[1], slot[0])), value) for name, value in values.items()}
