"""Ending many subscriptions at once, with the record of each: as many queries for a thousand as for one."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from membership import journal
from membership.models import ConsentRecord, Subscription, User

State = Subscription.State


@transaction.atomic
def end_all(subscriptions: Collection[Subscription], *, channel: ConsentRecord.Channel, at: datetime) -> set[int]:
    """End those of these subscriptions that run; return the ids of the members whose subscription this call ended."""
    running = Subscription.objects.select_for_update().filter(
        pk__in=[one.pk for one in subscriptions], state__in=[State.ACTIVE, State.PAUSED]
    )
    ended = dict(running.values_list("pk", "member_id"))
    hashes = User.objects.filter(member__in=ended.values()).values_list("address_hash", flat=True)
    for address_hash in hashes:
        journal.append_on_commit(address_hash, journal.LEFT, at)
    Subscription.objects.filter(pk__in=ended).update(
        state=State.ENDED, ended_at=at, paused_until=None, confirmation_hash=""
    )
    ConsentRecord.objects.bulk_create(
        ConsentRecord(
            member_id=member,
            purpose=ConsentRecord.Purpose.NEWS,
            act=ConsentRecord.Act.WITHDRAWN,
            channel=channel,
            at=at,
        )
        for member in ended.values()
    )
    return set(ended.values())
