"""Sample opens and clicks for the demo: made up, and marked so; only of sample members who agreed to each."""

import random
from collections import defaultdict
from datetime import timedelta

from django.utils import timezone

from newsletter.models import Delivery, EditionItem, Hit, Issue, Link

REASON = "sample"  # where a rule's name stands otherwise
# How many of a hundred who read it follow an item of that kind, for a report worth looking at.
FOLLOWED = {"resource": 62, "training": 55, "event": 52, "case-study": 48, "funding": 40, "service": 34, "policy": 22}
SELDOM = 12
READERS = 0.7  # of all; the others follow nothing
GATEWAY = 8  # of a hundred readers sit behind a gateway that follows every link
SPAN = 50  # minutes


def make_sample_hits(issue: Issue) -> int:
    """Make up what an issue's readers did, if there is nothing yet; return how many hits. The same each time."""
    if Hit.objects.filter(delivery__issue=issue).exists():
        return 0
    places: dict[int, list[Link]] = defaultdict(list)
    links = {link.item_id: link for link in Link.objects.filter(issue=issue).select_related("item")}
    for edition, item in EditionItem.objects.filter(edition__issue=issue).values_list("edition", "item"):
        if item in links:
            places[edition].append(links[item])
    sent = Delivery.objects.filter(issue=issue, state=Delivery.State.SENT, member__isnull=False)
    hits = [
        hit
        for delivery in sent.select_related("member__subscription").order_by("pk")
        for hit in _hits_of(delivery, places[delivery.edition_id or 0])
    ]
    Hit.objects.bulk_create(hits, batch_size=1000)
    return len(hits)


def _hits_of(delivery: Delivery, links: list[Link]) -> list[Hit]:
    subscription = getattr(delivery.member, "subscription", None)
    assert subscription
    dice = random.Random(delivery.member_id)
    hits = []
    gateway = dice.randrange(100) < GATEWAY
    if subscription.track_opens and dice.random() < 0.7:
        hits.append(_hit(dice, delivery, None, Hit.Verdict.UNKNOWN))
        hits += [_hit(dice, delivery, None, Hit.Verdict.HUMAN)] if dice.random() < 0.5 else []
    if subscription.track_opens and gateway:
        hits.append(_hit(dice, delivery, None, Hit.Verdict.MACHINE))
    reads = dice.random() < READERS
    if subscription.track_clicks:
        for link in links:
            if gateway:
                hits.append(_hit(dice, delivery, link, Hit.Verdict.MACHINE))
            if reads and dice.randrange(100) < FOLLOWED.get(link.item.section if link.item else "", SELDOM):
                hits.append(_hit(dice, delivery, link, Hit.Verdict.HUMAN))
    return hits


def _hit(dice: random.Random, delivery: Delivery, link: Link | None, verdict: str) -> Hit:
    at = timezone.now() - timedelta(minutes=dice.randrange(SPAN))
    what = Hit.What.CLICK if link else Hit.What.OPEN
    return Hit(delivery=delivery, what=what, link=link, at=at, verdict=verdict, reason=REASON)
