"""Relayed: opens and clicks that the mail provider reported. Hits only of members who agreed to each (ADR 23).

Provider tracking stays off; where it is on all the same, a provider's report of anybody else's open or click proves
that the mail arrived, and nothing of when it was read is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from membership.models import Subscription
from newsletter.models import Delivery, Hit
from newsletter.numbering import links_in_mail
from newsletter.tracking import COUNTED_FOR

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

    A click on what is no link of the issue is left out: links through our own address are counted there. A fixed number
    of statements.
    """
    agreed = _agreed({one.delivery for one in reports})
    wanted = [one for one in reports if (one.delivery, one.what) in agreed]
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


def _agreed(deliveries: set[int]) -> set[tuple[int, Hit.What]]:
    """What may be kept of which delivery: its member agrees to it today and has not left, and its issue is still
    counted."""
    if not deliveries:
        return set()
    reading = (Subscription.State.ACTIVE, Subscription.State.PAUSED)
    rows = Delivery.objects.filter(pk__in=deliveries, member__subscription__state__in=reading).values_list(
        "pk",
        "member__subscription__track_opens",
        "member__subscription__track_clicks",
        "issue__mailing__started_at",
        "issue__mailing__frozen_at",
    )
    since, found = timezone.now() - COUNTED_FOR, set()
    for pk, opens, clicks, started_at, frozen_at in rows:
        if (started_at or frozen_at) > since:
            found |= {(pk, what) for what, agrees in ((Hit.What.OPEN, opens), (Hit.What.CLICK, clicks)) if agrees}
    return found
