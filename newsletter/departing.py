"""Departing: a member leaves by the link or the header of one mail, and it is noted with which issue they left."""

from django.db import transaction
from django.utils import timezone

from membership import services
from membership.models import ConsentRecord, Member, Subscription
from newsletter.models import Delivery, Departure
from newsletter.stale import mark_stale
from newsletter.tracking import find_aged, find_delivery, subscription_of


def find_owner(token: str) -> tuple[Delivery | None, Subscription | None]:
    """Return the mail a token is of, and whose subscription it leads to. Either may be None.

    Also knows the tokens of deliveries that have lost their person with age (`ageing.py`): leaving never expires.
    """
    delivery = find_delivery(token)
    return delivery, subscription_of(delivery) if delivery else find_aged(token)


@transaction.atomic
def leave(subscription: Subscription, delivery: Delivery | None) -> bool:
    """End the e-news at once, and note by which mail, unless it is too old to be told. Returns whether it changed
    anything: a second press does not."""
    if not services.unsubscribe(subscription=subscription, channel=ConsentRecord.Channel.ONE_CLICK):
        return False
    if delivery:
        Departure.objects.get_or_create(delivery=delivery)
        mark_stale([delivery.issue_id])
    return True


@transaction.atomic
def forget_departure(member: Member) -> None:
    """Whoever takes leaving back has not left by any mail."""
    departures = Departure.objects.filter(delivery__member=member, at__gt=timezone.now() - services.UNDO_WITHIN)
    issues = list(departures.values_list("delivery__issue", flat=True))
    if issues:
        departures.delete()
        mark_stale(issues)
