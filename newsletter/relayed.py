"""Relayed: opens and clicks that the mail provider reported. Hits only of members who agreed to each (ADR 23).

Provider tracking stays off; where it is on all the same, a provider's report of anybody else's open or click proves
that the mail arrived, and nothing of when it was read is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F
from django.utils import timezone

from membership.models import Subscription
from newsletter.models import Delivery, Hit
from newsletter.numbering import links_in_mail
from newsletter.tracking import COUNTED_FOR

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
SAME = timedelta(seconds=10)  # our own picture and the provider's that are fetched so near each other: one opening
READINGS = {"opened": Hit.What.OPEN, "clicked": Hit.What.CLICK}  # by Anymail's names


@dataclass(frozen=True, kw_only=True)
class Relayed:
    """One reported open or click of a delivery of ours."""

    key: str  # of the report
    delivery: int
    issue: int
    what: Hit.What
    at: datetime
    url: str = ""
    signals: int = 0


def keep_relayed(reports: Sequence[Relayed]) -> set[str]:
    """Keep the hits of those who agree to that today, each once. Returns the keys of the reports that were new.

    A click on what is no link of the issue is left out: links through our own address are counted there. So is an open
    that our own picture has told of: only what the provider knows of it is added there. And what was read before its
    member had everything deleted is not kept again. A fixed number of statements.
    """
    agreed = _agreed({one.delivery for one in reports})
    wanted = [one for one in reports if (since := agreed.get((one.delivery, one.what))) and one.at > since]
    wanted = _unseen(wanted)
    if not wanted:
        return set()
    links = links_in_mail({one.issue for one in wanted if one.what == Hit.What.CLICK})
    fresh: dict[tuple[int, str, int | None, datetime], Relayed] = {}
    for one in wanted:
        link = links.get((one.issue, one.url)) if one.what == Hit.What.CLICK else None
        if link or one.what == Hit.What.OPEN:
            fresh[one.delivery, one.what.value, link, one.at] = one
    times = {one.at for one in fresh.values()}
    known = Hit.objects.filter(delivery__in={one.delivery for one in fresh.values()}, at__in=times)
    for key in known.values_list("delivery", "what", "link", "at"):
        fresh.pop(key, None)
    Hit.objects.bulk_create(
        Hit(delivery_id=delivery, what=what, link_id=link, at=at, reported_at=timezone.now(), signals=one.signals)
        for (delivery, what, link, at), one in fresh.items()
    )
    return {one.key for one in fresh.values()}


def _unseen(reports: Sequence[Relayed]) -> list[Relayed]:
    """Those that our own picture has not told of; to its hit, what the others say of a machine is added until it is
    judged. That the provider did not say by which program is nothing to add: we know."""
    opens = [one for one in reports if one.what == Hit.What.OPEN]
    if not opens:
        return list(reports)
    around = (min(one.at for one in opens) - SAME, max(one.at for one in opens) + SAME)
    own = Hit.objects.filter(
        delivery__in={one.delivery for one in opens}, what=Hit.What.OPEN, reported_at=None, at__range=around
    )
    by_delivery: dict[int, list[tuple[int, datetime]]] = {}
    for pk, delivery, at in own.values_list("pk", "delivery", "at"):
        by_delivery.setdefault(delivery, []).append((pk, at))
    told: dict[int, set[int]] = {}  # own hits by signals to be added
    unseen = []
    for one in reports:
        same = [pk for pk, at in by_delivery.get(one.delivery, []) if abs(at - one.at) <= SAME]
        if one.what == Hit.What.OPEN and same:
            told.setdefault(one.signals & ~Hit.Signal.VEILED, set()).update(same)
        else:
            unseen.append(one)
    for signals in sorted(told.keys() - {0}):  # a handful at most: what providers can say
        Hit.objects.filter(pk__in=told[signals], verdict="").update(signals=F("signals").bitor(signals))
    return unseen


def _agreed(deliveries: set[int]) -> dict[tuple[int, Hit.What], datetime]:
    """What may be kept of which delivery, and from when on: its member agrees to it today and has not left, and its
    issue is still counted."""
    if not deliveries:
        return {}
    reading = (Subscription.State.ACTIVE, Subscription.State.PAUSED)
    rows = Delivery.objects.filter(pk__in=deliveries, member__subscription__state__in=reading).values_list(
        "pk",
        "member__subscription__track_opens",
        "member__subscription__track_clicks",
        "issue__mailing__started_at",
        "issue__mailing__frozen_at",
        "measured_since",
    )
    counted = timezone.now() - COUNTED_FOR
    found: dict[tuple[int, Hit.What], datetime] = {}
    for pk, opens, clicks, started_at, frozen_at, since in rows:
        if (started_at or frozen_at) > counted:
            agreed = ((Hit.What.OPEN, opens), (Hit.What.CLICK, clicks))
            found |= {(pk, what): since or LONG_AGO for what, agrees in agreed if agrees}
    return found
