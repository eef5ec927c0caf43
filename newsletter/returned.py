"""From a message in the bounce mailbox to what was reported: whose mail it was, and what that proves (ADR 24).

Anybody can write to the mailbox. A message counts only when it holds what nobody but our mail server, the recipient's
and the recipient can know: the keyed return path, or the token of the link to leave by. Whom it names is a claim.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime

from cms.addresses import address_hash, normalise_address
from newsletter import bounces, notices
from newsletter.models import Delivery, RawReport
from newsletter.notices import Notice
from newsletter.reported import Reported
from newsletter.tokens import token_hash
from newsletter.verp import delivery_of

logger = logging.getLogger(__name__)

PROVIDER = "mailbox"
MOST_PARTS = 50  # nested deeper, a message takes Python minutes; a report has a handful
LATE = timedelta(days=30)  # a message's own date is believed when it is not older than this, and not ahead


def events_of(row: RawReport) -> Iterator[Reported]:
    """What a message says became of one delivery; nothing when it cannot prove which, or reports nothing."""
    body = bytes(row.body)
    if body.lower().count(b"boundary") > MOST_PARTS:
        logger.info("bounce message %s is no report", row.pk)
        return
    try:
        message = message_from_bytes(body)
    except RecursionError:  # mails within mails within mails
        logger.info("bounce message %s is no report", row.pk)
        return
    if not (whose := _delivery(message)):
        logger.info("bounce message %s proves no delivery of ours", row.pk)
        return
    found = notices.read(message, body)
    delivery, theirs = whose
    for one in _about(found, theirs):
        verdict, reason = _judged(one, theirs)
        yield Reported(
            provider=PROVIDER,
            event_type=one.event_type,
            # However often, and in whichever words, it is sent back: it is one event.
            event_id=f"{delivery} {verdict}",
            metadata={"delivery": str(delivery)},
            happened_at=_when(message, row.received_at),
            reject_reason=reason,
            verdict=verdict,
        )


def _delivery(message: Message) -> tuple[int, str] | None:
    """The delivery that a message proves to be about, and the keyed hash of its member's address (empty when gone)."""
    deliveries = Delivery.objects.order_by().values_list("pk", "member__user__address_hash")
    if number := delivery_of(notices.return_paths(message)):
        found = deliveries.filter(pk=number).first()
    elif token := notices.leaving_token(message):
        found = deliveries.filter(token_hash=token_hash(token)).first()
    else:
        return None
    return (found[0], found[1] or "") if found else None


def _about(found: Sequence[Notice], theirs: str) -> Sequence[Notice]:
    """Of several recipients the one that our mail went to; all of them where it is not named: it was sent on."""
    return [one for one in found if _names(one, theirs)] or found


def _names(one: Notice, theirs: str) -> bool:
    for address in one.recipients:
        try:
            if theirs and address_hash(normalise_address(address)) == theirs:
                return True
        except ValueError:
            continue
    return False


def _judged(one: Notice, theirs: str) -> tuple[str, str | None]:
    """The verdict and Anymail's reason. Hard only where our member's own mailbox is named, or none at all: another one
    is where theirs sends things on to, or was theirs before."""
    if one.event_type != "bounced":
        return bounces.NONE, None
    verdict, reason = bounces.returned(one.status, one.words)
    if verdict == bounces.HARD and one.recipients and not _names(one, theirs):
        return bounces.SOFT, reason
    return verdict, reason


def _when(message: Message, received_at: datetime) -> datetime:
    try:
        said = parsedate_to_datetime(str(message["Date"]))
        said = said if said.tzinfo else said.replace(tzinfo=UTC)
        return said if received_at - LATE < said < received_at else received_at
    except (TypeError, ValueError, OverflowError):
        return received_at
