"""Reporting: what became of an issue, per edition and item. Cells under ten people are not shown (quality.md 11)."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Q
from wagtail.models import PageLogEntry

from newsletter.certificate import certify
from newsletter.models import Delivery, Edition, EditionItem, Hit, Issue, Item, ProviderEvent

SMALLEST_CELL = 10  # people


TOTALS = "newsletter.totals"  # the entry of an issue's log that holds its totals once the raw hits have gone


@dataclass(frozen=True)
class Measured:
    """What was measured of an issue, in people who agreed; None = under ten. Editions and items by id, as text."""

    agreed_opens: int
    agreed_clicks: int
    opens: int | None
    clicks: int | None
    provider_events: dict[str, int]
    edition_opens: dict[str, int | None]
    edition_clicks: dict[str, int | None]
    item_clicks: dict[str, int | None]


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
    """Count an issue's ledger, provider events and hits: a fixed number of queries, whatever was sent.

    Once the hits have become totals (`ageing.py`), those are shown.
    """
    measured = kept_totals(issue) or measure(issue)
    return Report(
        issue=issue.period,
        certificate=certify(issue).as_dict(),
        provider_events=measured.provider_events,
        agreed_opens=measured.agreed_opens,
        agreed_clicks=measured.agreed_clicks,
        opens=measured.opens,
        clicks=measured.clicks,
        editions=_edition_rows(issue, measured),
        items=_item_rows(issue, measured),
    )


def kept_totals(issue: Issue) -> Measured | None:
    """The totals that were kept of an issue; None while its hits are still there."""
    entry = PageLogEntry.objects.filter(page=issue.pk, action=TOTALS).order_by("timestamp", "pk").first()
    return Measured(**entry.data) if entry else None


def measure(issue: Issue) -> Measured:
    """Count what is measured of an issue from the raw hits."""
    agreed = Delivery.objects.filter(issue=issue, state=Delivery.State.SENT).aggregate(
        opens=Count("pk", filter=Q(member__subscription__track_opens=True)),
        clicks=Count("pk", filter=Q(member__subscription__track_clicks=True)),
    )
    opens = Hit.objects.filter(delivery__issue=issue, what=Hit.What.OPEN)
    clicks = Hit.objects.filter(delivery__issue=issue, what=Hit.What.CLICK)
    people = Count("delivery", distinct=True)
    events = ProviderEvent.objects.filter(delivery__issue=issue).values_list("event_type")
    return Measured(
        agreed_opens=agreed["opens"],
        agreed_clicks=agreed["clicks"],
        opens=shown(opens.aggregate(people=people)["people"]),
        clicks=shown(clicks.aggregate(people=people)["people"]),
        provider_events=dict(events.annotate(people).order_by("event_type")),
        edition_opens=_cells(_by(opens, "delivery__edition", people)),
        edition_clicks=_cells(_by(clicks, "delivery__edition", people)),
        item_clicks=_cells(_by(clicks, "link__item", people)),
    )


def _cells(counts: dict[int, int]) -> dict[str, int | None]:
    return {str(pk): shown(people) for pk, people in counts.items()}


def shown(people: int) -> int | None:
    """A count of people as it may be shown."""
    return people if people >= SMALLEST_CELL else None


def _edition_rows(issue: Issue, measured: Measured) -> list[EditionRow]:
    ledger = _by(Delivery.objects.filter(issue=issue).exclude(edition=None), "edition", Count("pk"))
    sent = _by(Delivery.objects.filter(issue=issue, state=Delivery.State.SENT), "edition", Count("pk"))
    editions = Edition.objects.filter(issue=issue).annotate(size=Count("places")).defer("html", "text")
    return [
        EditionRow(
            number=edition.number,
            label=edition.label,
            items=edition.size,
            frozen=ledger.get(edition.pk, 0),
            sent=sent.get(edition.pk, 0),
            opens=measured.edition_opens.get(str(edition.pk)),
            clicks=measured.edition_clicks.get(str(edition.pk)),
        )
        for edition in editions.order_by("number")
    ]


def _item_rows(issue: Issue, measured: Measured) -> list[ItemRow]:
    places = EditionItem.objects.filter(edition__issue=issue)
    editions = _by(places, "item", Count("edition"))
    # By issue too: no index of deliveries begins with the edition.
    sent = places.filter(edition__deliveries__issue=issue, edition__deliveries__state=Delivery.State.SENT)
    carried = _by(sent, "item", Count("edition__deliveries"))
    return [
        ItemRow(
            title=str(item),
            kind=item.section,
            editions=editions.get(item.pk, 0),
            sent=carried.get(item.pk, 0),
            clicks=measured.item_clicks.get(str(item.pk)),
        )
        for item in Item.objects.filter(issue=issue).select_related("page")
    ]


def _by(rows: Any, column: str, count: Count) -> dict[int, int]:
    return dict(rows.values_list(column).annotate(count).order_by())
