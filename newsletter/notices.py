"""What mail servers write when they send something back: delivery reports (RFC 3464), complaints (RFC 5965), and the
forms of their own that flufl.bounce knows. Pure functions over one message; nothing in it is believed yet.

A returned mail says what became of it, for each recipient, and holds what it can be recognised by: our return path
(`verp.py`), or, in what was sent back, the link to leave by, which only its recipient has.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message
from email.utils import parseaddr

from flufl.bounce import all_failures

from newsletter.tokens import FORM

logger = logging.getLogger(__name__)

STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}  # RFC 3464, RFC 6533
ORIGINAL_PARTS = {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
ACTIONS = {"failed": "bounced", "error": "bounced", "delayed": "deferred", "delivered": "delivered", "relayed": "sent"}
RECIPIENTS = ("Original-Recipient", "Final-Recipient", "X-Actual-Recipient")
FEEDBACK = {"abuse": "complained", "fraud": "complained", "opt-out": "unsubscribed"}
# Where the address that a message came to, or that ours went out from, may stand.
ARRIVED_AT = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-RCPT-To")
CAME_FROM = ("Original-Mail-From", "X-Postfix-Sender", "Return-Path")
DAEMONS = re.compile(r"mailer-?daemon|postmaster|mail-?daemon|mmdf|uucp|smtp-?gateway|mdaemon", re.IGNORECASE)
LEAVING = re.compile(
    rf"^List-Unsubscribe:\s*<[^<>\s]{{1,200}}/e-news/u/({FORM.pattern})/>", re.IGNORECASE | re.MULTILINE
)
STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
MOST = 20  # recipients of one report
LONGEST = 1000  # characters of a server's words
LOOKED_THROUGH = 8 * 1024  # bytes of a message that follows no standard: flufl.bounce takes long over many lines


@dataclass(frozen=True)
class Notice:
    """What a message says became of ours: Anymail's word for it, whom it names, the status code, the server's words."""

    event_type: str
    recipients: tuple[str, ...] = ()
    status: str = ""
    words: str = ""


def return_paths(message: Message) -> Iterator[str]:
    """The texts in which our return path may stand: first what the message came to, then what it sends back."""
    for name in ARRIVED_AT:
        yield from _values(message, name)
    for part in _parts(message):
        if part.get_content_type() in STATUS_PARTS | {"message/feedback-report"}:
            for block in _blocks(part):
                yield from (text for name in CAME_FROM for text in _values(block, name))
    for original in _originals(message):
        yield from _values(original, "Return-Path")


def leaving_token(message: Message) -> str:
    """The token out of the List-Unsubscribe header of the mail that was sent back; empty without one.

    Only that header counts: links in the text are also in every answer that quotes our mail.
    """
    for original in _originals(message):
        for value in _values(original, "List-Unsubscribe"):
            if found := LEAVING.match(f"List-Unsubscribe: {value}"):
                return found[1]
    # Forms of their own put the headers that came back into the text.
    if not any(part.get_content_type() in STATUS_PARTS for part in _parts(message)):
        for part in _parts(message):
            if part.get_content_type() == "text/plain" and (found := LEAVING.search(_text(part))):
                return found[1]
    return ""


def read(message: Message, body: bytes) -> list[Notice]:
    """What became of our mail, one notice a recipient; nothing where the message says nothing of the kind, such as an
    answer by a machine or by a person. `body` is the message as it came."""
    parts = list(_parts(message))
    if blocks := [block for part in parts if part.get_content_type() in STATUS_PARTS for block in _blocks(part)]:
        return [notice for block in blocks if (notice := _delivery_status(block))][:MOST]
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            return [notice for block in _blocks(part) if (notice := _feedback(block))][:1]
    if is_answer(message) or not is_from_a_server(message):
        return []
    return _of_their_own(body)


def is_answer(message: Message) -> bool:
    """Whether a machine answers for a person: away, moved, out of office (RFC 3834). Exim marks its bounces so, too."""
    if message["X-Failed-Recipients"]:
        return False
    return (
        _first(message, "Auto-Submitted").lower().startswith("auto-replied")
        or _first(message, "Precedence").lower() == "auto_reply"
        or any(message[name] for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress"))
    )


def is_from_a_server(message: Message) -> bool:
    """Whether its sender bears one of the names under which mail servers write."""
    return DAEMONS.search(parseaddr(_first(message, "From"))[1].rpartition("@")[0]) is not None


def _delivery_status(block: Message) -> Notice | None:
    """The fields about one recipient; None for those about the whole message, and for what says nothing to us."""
    action = re.match(r"[a-z]*", _first(block, "Action").lower())
    event_type = ACTIONS.get(action[0] if action else "")
    if not event_type:
        return None
    named = [_first(block, name).rpartition(";")[2].strip().strip("<>") for name in RECIPIENTS]
    status = STATUS.search(_first(block, "Status"))
    return Notice(
        event_type,
        tuple(dict.fromkeys(address for address in named if "@" in address)),
        status[0] if status else "",
        _first(block, "Diagnostic-Code").partition(";")[2].strip(),
    )


def _feedback(block: Message) -> Notice | None:
    event_type = FEEDBACK.get(_first(block, "Feedback-Type").strip().lower())
    return Notice(event_type) if event_type else None


def _of_their_own(body: bytes) -> list[Notice]:
    """Forms that follow no standard, as far as flufl.bounce knows them."""
    beginning = message_from_bytes(body[:LOOKED_THROUGH])
    try:
        temporary, permanent = all_failures(beginning)
    except Exception as error:  # its detectors read strangers' text, each by a rule of its own
        logger.warning("flufl.bounce cannot read a message: %s", type(error).__name__)
        return []
    words = next((_text(part)[:LONGEST] for part in _parts(beginning) if part.get_content_maintype() == "text"), "")
    status = STATUS.search(words)
    return [
        Notice(event_type, (address.decode("ascii", "replace"),), status[0] if status else "", words)
        for event_type, found in (("bounced", permanent), ("deferred", temporary))
        for address in sorted(found)[:MOST]
    ]


def _parts(message: Message) -> Iterator[Message]:
    """The parts of the report itself, without those of the mail that it sends back."""
    if not message.is_multipart() or message.get_content_maintype() == "message":
        yield message
        return
    for part in message.get_payload():
        if isinstance(part, Message) and part.get_content_maintype() == "multipart":
            yield from (one for one in part.get_payload() if isinstance(one, Message))
        elif isinstance(part, Message):
            yield part


def _originals(message: Message) -> Iterator[Message]:
    """The mails that are sent back, or their headers."""
    for part in _parts(message):
        if part.get_content_type() not in ORIGINAL_PARTS:
            continue
        inside = part.get_payload()
        if isinstance(inside, list):
            yield from (one for one in inside if isinstance(one, Message))
        else:
            yield message_from_string(_text(part))


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields of a report. Python takes RFC 6533's for one mail, whose body are the other groups."""
    inside = part.get_payload()
    for block in inside if isinstance(inside, list) else [message_from_string(_text(part))]:
        if not isinstance(block, Message):
            continue
        yield block
        rest = block.get_payload()
        if isinstance(rest, str):
            yield from (message_from_string(one.lstrip()) for one in re.split(r"\n\s*\n", rest) if one.strip())


def _values(message: Message, name: str) -> list[str]:
    return [str(value) for value in message.get_all(name, [])]


def _first(message: Message, name: str) -> str:
    """A header or field on one line, cut where it is too long; empty without it."""
    return " ".join(str(message.get(name, "")).split())[:LONGEST]


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
