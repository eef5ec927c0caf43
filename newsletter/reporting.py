"""Reporting: what became of an issue, per edition and item. Cells under ten people are not shown (quality.md 11)."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Q

from newsletter.certificate import certify
from newsletter.models import Delivery, Edition, EditionItem, Hit, Issue, Item, ProviderEvent

SMALLEST_CELL = 10  # people


@dataclass(frozen=True)
class EditionRow:
    """One edition. Opens and clicks are people, counted among those who agreed; None = under ten."""

    number: int
    label: str
    items: int
    frozen: int
    sent: int
    opens: int | None
    clicks: int | None


@dataclass(frozen=True)
class ItemRow:
    """One item: how many editions and people carried it, and how many people followed its link (None = under ten)."""

    title: str
    kind: str
    editions: int
    sent: int
    clicks: int | None


@dataclass(frozen=True)
class Report:
    issue: str
    certificate: dict[str, Any]
    provider_events: dict[str, int]
    agreed_opens: int
    agreed_clicks: int
    opens: int | None
    clicks: int | None
    editions: list[EditionRow]
    items: list[ItemRow]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def report(issue: Issue) -> Report:
    """Count an issue's ledger, provider events and hits: a fixed number of queries, whatever was sent."""
    sent = Q(state=Delivery.State.SENT)
    deliveries = Delivery.objects.filter(issue=issue)
    hits = Hit.objects.filter(delivery__issue=issue)
    agreed = deliveries.filter(sent).aggregate(
        opens=Count("pk", filter=Q(member__subscription__track_opens=True)),
        clicks=Count("pk", filter=Q(member__subscription__track_clicks=True)),
    )
    people = hits.aggregate(
        opens=Count("delivery", filter=Q(what=Hit.What.OPEN), distinct=True),
        clicks=Count("delivery", filter=Q(what=Hit.What.CLICK), distinct=True),
    )
    events = ProviderEvent.objects.filter(delivery__issue=issue).values_list("event_type")
    return Report(
        issue=issue.period,
        certificate=certify(issue).as_dict(),
        provider_events=dict(events.annotate(Count("delivery", distinct=True)).order_by("event_type")),
        agreed_opens=agreed["opens"],
        agreed_clicks=agreed["clicks"],
        opens=shown(people["opens"]),
        clicks=shown(people["clicks"]),
        editions=_edition_rows(issue),
        items=_item_rows(issue),
    )


def shown(people: int) -> int | None:
    """A count of people as it may be shown."""
    return people if people >= SMALLEST_CELL else None


def _edition_rows(issue: Issue) -> list[EditionRow]:
    ledger = _by(Delivery.objects.filter(issue=issue).exclude(edition=None), "edition", Count("pk"))
    sent = _by(Delivery.objects.filter(issue=issue, state=Delivery.State.SENT), "edition", Count("pk"))
    people = Count("delivery", distinct=True)
    opens = _by(Hit.objects.filter(delivery__issue=issue, what=Hit.What.OPEN), "delivery__edition", people)
    clicks = _by(Hit.objects.filter(delivery__issue=issue, what=Hit.What.CLICK), "delivery__edition", people)
    editions = Edition.objects.filter(issue=issue).annotate(size=Count("places")).defer("html", "text")
    return [
        EditionRow(
            number=edition.number,
            label=edition.label,
            items=edition.size,
            frozen=ledger.get(edition.pk, 0),
            sent=sent.get(edition.pk, 0),
            opens=shown(opens.get(edition.pk, 0)),
            clicks=shown(clicks.get(edition.pk, 0)),
        )
        for edition in editions.order_by("number")
    ]


def _item_rows(issue: Issue) -> list[ItemRow]:
    places = EditionItem.objects.filter(edition__issue=issue)
    editions = _by(places, "item", Count("edition"))
    sent = places.filter(edition__deliveries__state=Delivery.State.SENT)
    carried = _by(sent, "item", Count("edition__deliveries"))
    hits = Hit.objects.filter(delivery__issue=issue, what=Hit.What.CLICK)
    clicks = _by(hits, "link__item", Count("delivery", distinct=True))
    return [
        ItemRow(
            title=str(item),
            kind=item.section,
            editions=editions.get(item.pk, 0),
            sent=carried.get(item.pk, 0),
            clicks=shown(clicks.get(item.pk, 0)),
        )
        for item in Item.objects.filter(issue=issue).select_related("page")
    ]


def _by(rows: Any, column: str, count: Count) -> dict[int, int]:
    return dict(rows.values_list(column).annotate(count).order_by())
