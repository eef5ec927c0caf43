"""Issues that were sent, with events, hits and departures made up at random, and their totals by plain Python."""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from membership.models import Subscription
from newsletter.freezing import freeze
from newsletter.models import Delivery, Departure, EditionItem, Hit, Issue, Link, Mailing, ProviderEvent
from tests import factories

STATES = ["sent"] * 8 + ["failed", "unknown"]
EVENTS = [
    ("delivered", ""),
    ("delivered", ""),
    ("bounced", "hard"),
    ("bounced", ""),
    ("complained", ""),
    ("deferred", ""),
]
VERDICTS = ["human", "human", "machine", "unknown", ""]
LONDON = ZoneInfo("Europe/London")
NEAR_MIDNIGHT = datetime(2026, 10, 23, 23, 30, tzinfo=UTC)  # in London it is the next day


def sent_issue(period: str, pages: list, dice: random.Random, *, start: datetime | None = None) -> Issue:
    """An issue that was frozen and sent, with whatever came of it."""
    issue = factories.issue(period, pages=pages, live=True)
    freeze(issue)
    start = start or timezone.now()
    Mailing.objects.filter(pk=issue.pk).update(state="finished", started_at=start, finished_at=start)
    subscriptions = list(Subscription.objects.order_by("pk"))
    for subscription in subscriptions:
        subscription.track_opens, subscription.track_clicks = dice.random() < 0.6, dice.random() < 0.6
    Subscription.objects.bulk_update(subscriptions, ["track_opens", "track_clicks"])
    links = list(Link.objects.filter(issue=issue))
    hits, events, departures = [], [], []
    deliveries = list(Delivery.objects.filter(issue=issue, state="pending").order_by("pk"))
    for delivery in deliveries:
        delivery.state, delivery.reason = dice.choice(STATES), "made up"
        for number in range(dice.randrange(3)):
            kind, verdict = dice.choice(EVENTS)
            key = f"{delivery.pk} {kind} {number}"
            events.append(
                ProviderEvent(delivery=delivery, event_type=kind, verdict=verdict, happened_at=start, natural_key=key)
            )
        for _ in range(dice.randrange(4)):
            hits.append(_hit(dice, delivery, "open", None))
        for _ in range(dice.randrange(4)):
            hits.append(_hit(dice, delivery, "click", dice.choice(links)))
        if dice.random() < 0.1:
            hits.append(_hit(dice, delivery, "leave", None))
        if dice.random() < 0.1:
            departures.append(Departure(delivery=delivery))
    Delivery.objects.bulk_update(deliveries, ["state", "reason"])
    ProviderEvent.objects.bulk_create(events)
    Hit.objects.bulk_create(hits)
    Departure.objects.bulk_create(departures)
    return issue


def _hit(dice: random.Random, delivery: Delivery, what: str, link: Link | None) -> Hit:
    verdict = dice.choice(VERDICTS)
    at = NEAR_MIDNIGHT + timedelta(hours=dice.randrange(60))
    return Hit(delivery=delivery, what=what, link=link, at=at, verdict=verdict, reason="made up" if verdict else "")


def plain_totals(issue: Issue) -> dict[tuple[str, str], Counter]:
    """The totals of an issue, counted row by row: by dimension and key, the figures that are not zero."""
    totals: dict[tuple[str, str], Counter] = defaultdict(Counter)
    totals["issue", ""] = Counter()
    places = [(place.edition_id, place.item) for place in EditionItem.objects.select_related("item") if place.item]
    all_hits = list(Hit.objects.exclude(what="leave").select_related("link__item"))
    all_events = list(ProviderEvent.objects.all())
    left = {departure.delivery_id for departure in Departure.objects.all()}
    rows = Delivery.objects.filter(issue=issue, state="sent")
    rows = rows.select_related("member__region", "member__subscription").prefetch_related("member__sectors")
    for row in rows:
        hits = [hit for hit in all_hits if hit.delivery_id == row.pk]
        events = [event for event in all_events if event.delivery_id == row.pk]
        clicks = [hit for hit in hits if hit.what == "click"]
        base = _base(row, hits, events, row.pk in left)
        whole = base + _figures("clicker", "clicks", clicks)
        sectors = [sector.slug for sector in row.member.sectors.all()] if row.member else []
        for key in [("issue", ""), ("edition", str(row.edition_id)), *(("sector", slug) for slug in sectors)]:
            totals[key] += whole
        if row.member:
            totals["region", row.member.region.slug if row.member.region else "national"] += whole
        items = [item for edition, item in places if edition == row.edition_id]
        own = [hit for hit in clicks if hit.link.item in items]
        for kind in {item.section for item in items}:
            figures = base + _figures("clicker", "clicks", [hit for hit in own if hit.link.item.section == kind])
            for key in [("kind", kind), *(("sector_kind", f"{slug}/{kind}") for slug in sectors)]:
                totals[key] += figures
        for item in items:
            figures = base + _figures("clicker", "clicks", [hit for hit in own if hit.link.item == item])
            for key in [("item", str(item.pk)), *(("sector_item", f"{slug}/{item.pk}") for slug in sectors)]:
                totals[key] += figures
        for day in {_day(hit) for hit in hits}:
            on_day = [hit for hit in hits if _day(hit) == day]
            totals["day", day] += _figures("opener", "opens", [hit for hit in on_day if hit.what == "open"])
            totals["day", day] += _figures("clicker", "clicks", [hit for hit in on_day if hit.what == "click"])
    return totals


def _day(hit: Hit) -> str:
    return hit.at.astimezone(LONDON).date().isoformat()


def _base(row: Delivery, hits: list[Hit], events: list[ProviderEvent], left: bool) -> Counter:
    subscription = row.member.subscription if row.member else None
    opens = [hit for hit in hits if hit.what == "open"]
    found = Counter(
        sent=1,
        delivered=any(event.event_type in ("delivered", "complained") for event in events),
        bounced=any(event.event_type == "bounced" and event.verdict for event in events),
        complained=any(event.event_type == "complained" for event in events),
        departed=left,
        agreed_opens=bool(opens or (subscription and subscription.track_opens)),
        agreed_clicks=bool(len(hits) > len(opens) or (subscription and subscription.track_clicks)),
    )
    return found + _figures("opener", "opens", opens)


def _figures(person: str, hits_name: str, hits: list[Hit]) -> Counter:
    """One person by the surest verdict, and their hits by verdict."""
    verdicts = Counter(hit.verdict or "unknown" for hit in hits)
    found = Counter({f"{hits_name}_{verdict}": count for verdict, count in verdicts.items()})
    surest = next((verdict for verdict in ("human", "unknown", "machine") if verdicts[verdict]), None)
    if surest:
        found[f"{person}s_{surest}"] = 1
    return found
