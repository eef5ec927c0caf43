"""Tracking: what the provider reports, and opens and clicks of those who agreed to each, and of nobody else."""

import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from membership import services
from membership.models import ConsentRecord, Subscription, Suppression
from newsletter import ledger
from newsletter.models import AgedToken, Delivery, Hit, Link, ProviderEvent
from newsletter.tokens import token_hash, well_formed

logger = logging.getLogger(__name__)

# Reports that prove the provider had taken the message.
PROOF_OF_SENDING = {
    "sent",
    "queued",
    "delivered",
    "deferred",
    "bounced",
    "opened",
    "clicked",
    "complained",
    "unsubscribed",
}
# Nothing raw is kept for longer than 90 days, so counting ends a little earlier after the start of sending.
COUNTED_FOR = timedelta(days=88)
PROOF_OF_REFUSAL = {"rejected", "failed"}


def find_delivery(token: str) -> Delivery | None:
    """Return the delivery a token belongs to, its member's subscription along with it; None for any other text."""
    if not well_formed(token):
        return None
    deliveries = Delivery.objects.select_related(
        "member__user", "member__subscription", "member__region", "issue__mailing"
    )
    return deliveries.filter(token_hash=token_hash(token)).first()


def subscription_of(delivery: Delivery | None) -> Subscription | None:
    """The subscription behind a delivery; None once the member has gone."""
    return getattr(delivery.member, "subscription", None) if delivery else None


def find_owner(token: str) -> tuple[bool, Subscription | None]:
    """Return whether a token is one of ours, and whose subscription it leads to (None once the member has gone).

    Also knows the tokens of deliveries that have lost their person with age (`ageing.py`): leaving never expires.
    """
    delivery = find_delivery(token)
    if delivery:
        return True, subscription_of(delivery)
    subscription = find_aged(token)
    return subscription is not None, subscription


def find_aged(token: str) -> Subscription | None:
    """The subscription behind a token whose delivery has aged; None for any other."""
    if not well_formed(token):
        return None
    aged = AgedToken.objects.select_related("member__user", "member__subscription", "member__region")
    found = aged.filter(token_hash=token_hash(token)).first()
    return getattr(found.member, "subscription", None) if found else None


def record_click(token: str, number: int, *, count: bool = True) -> str | None:
    """Return where link `number` of this mail leads, counting the click if the member agrees to that today.

    With `count` off (a HEAD request: a machine looks, nobody reads) nothing is counted in any case.
    None when the token or the number is unknown: the caller answers 404, never a redirect elsewhere.
    """
    delivery = find_delivery(token)
    link = delivery and Link.objects.filter(issue=delivery.issue_id, number=number).first()
    if not delivery or not link:
        return None
    subscription = subscription_of(delivery)
    if count and subscription and subscription.track_clicks and still_counted(delivery):
        Hit.objects.create(delivery=delivery, what=Hit.What.CLICK, link=link)
    return link.url


def record_open(token: str) -> None:
    """Count an open, if the member agrees to that today. Unknown tokens are nobody's business."""
    delivery = find_delivery(token)
    subscription = subscription_of(delivery)
    if delivery and subscription and subscription.track_opens and still_counted(delivery):
        Hit.objects.create(delivery=delivery, what=Hit.What.OPEN)


def still_counted(delivery: Delivery) -> bool:
    """Whether hits on this mail are still kept: afterwards only totals are (`ageing.py`)."""
    mailing = delivery.issue.mailing
    return (mailing.started_at or mailing.frozen_at) + COUNTED_FOR > timezone.now()


@transaction.atomic
def record_provider_event(
    *,
    provider: str,
    event_type: str,
    event_id: str | None,
    message_id: str | None,
    metadata: dict[str, Any],
    recipient: str | None,
    happened_at: datetime | None,
    reject_reason: str | None = None,
    for_good: bool = False,
) -> ProviderEvent | None:
    """Keep one report of the provider, once; return None when it is known already.

    Reports may come early, late, reversed or many times over. A report settles an unknown delivery, ends the
    subscription of whoever complained or left, and suppresses addresses that bounce `for_good` (`bounces.py`). All of
    it is kept or none, so that a report repeated after a failure counts.
    """
    delivery = _reported_delivery(metadata, message_id)
    moment = happened_at or timezone.now()
    event, created = ProviderEvent.objects.get_or_create(
        natural_key=_natural_key(provider, event_type, event_id, message_id, recipient, happened_at),
        defaults={
            "delivery": delivery,
            "provider": provider[:40],
            "event_type": event_type[:40],
            "reject_reason": (reject_reason or "")[:40],
            "happened_at": moment,
        },
    )
    if not created:
        return None
    if delivery:
        _act_on(delivery, event_type, for_good)
    else:
        logger.info("provider event %s of %s belongs to no delivery of ours", event.pk, provider)
    return event


def settle_reported(issue: int) -> int:
    """Settle unknown deliveries whose report came before they were called unknown. Returns how many."""
    unknown = Delivery.objects.filter(issue=issue, state=Delivery.State.UNKNOWN)
    proofs = ((PROOF_OF_SENDING, Delivery.State.SENT), (PROOF_OF_REFUSAL, Delivery.State.FAILED))
    return sum(
        unknown.filter(Exists(ProviderEvent.objects.filter(delivery=OuterRef("pk"), event_type__in=kinds))).update(
            state=state, reason=f"{ledger.SETTLED}provider reported it", finished_at=timezone.now()
        )
        for kinds, state in proofs
    )


def _act_on(delivery: Delivery, event_type: str, for_good: bool) -> None:
    if event_type in PROOF_OF_SENDING:
        ledger.settle(delivery=delivery.pk, state=Delivery.State.SENT, reason=f"provider reported {event_type}")
    elif event_type in PROOF_OF_REFUSAL:
        ledger.settle(delivery=delivery.pk, state=Delivery.State.FAILED, reason=f"provider reported {event_type}")
    subscription = subscription_of(delivery)
    if not subscription:
        return
    if event_type in {"complained", "unsubscribed"}:
        services.unsubscribe(subscription=subscription, channel=ConsentRecord.Channel.PROVIDER)
    address = subscription.member.user.address_hash
    if event_type == "complained":
        services.suppress(address_hash=address, reason=Suppression.Reason.COMPLAINED)
    if event_type == "bounced" and for_good:
        services.suppress(address_hash=address, reason=Suppression.Reason.BOUNCED)


def _reported_delivery(metadata: dict[str, Any], message_id: str | None) -> Delivery | None:
    deliveries = Delivery.objects.select_related("member__user", "member__subscription")
    ours = str(metadata.get("delivery", ""))
    if ours.isascii() and ours.isdigit() and len(ours) < 19:
        return deliveries.filter(pk=int(ours)).first()
    # Some providers give all messages of one call the same id: only one that is unmistakable counts.
    found = list(deliveries.filter(message_id=message_id)[:2]) if message_id else []
    return found[0] if len(found) == 1 else None


def _natural_key(provider: str, event_type: str, event_id: str | None, *rest: object) -> str:
    """Providers that number their events are believed; for the others, what happened to what, and when, is the key."""
    parts = [provider, event_type, event_id] if event_id else [provider, event_type, *rest]
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
