"""Working out which audience each subscription belongs to, in batches."""

from membership.models import Audience, Subscription

BATCH = 1000


def assign_audiences() -> int:
    """Give every subscription without an audience its own; return how many there were.

    Five queries per thousand subscriptions, whatever their number. A change of sectors, region or kinds
    takes the audience away (`receivers.py`), so normally there are few.
    """
    assigned = 0
    while batch := list(
        Subscription.objects.without_audience().select_related("member").prefetch_related("member__sectors")[:BATCH]
    ):
        keys = {
            subscription: Audience.make_key(
                sectors=[sector.pk for sector in subscription.member.sectors.all()],
                region=subscription.member.region_id,
                kinds=subscription.kinds,
            )
            for subscription in batch
        }
        audiences = audiences_by_key(set(keys.values()))
        for subscription, key in keys.items():
            subscription.audience = audiences[key]
        Subscription.objects.bulk_update(batch, ["audience"], batch_size=250)
        assigned += len(batch)
    return assigned


def audiences_by_key(keys: set[str]) -> dict[str, Audience]:
    """Return the audiences with these keys, making those that are missing. Safe when two do it at once."""
    Audience.objects.bulk_create([Audience(key=key) for key in sorted(keys)], ignore_conflicts=True)
    return {audience.key: audience for audience in Audience.objects.filter(key__in=keys)}
