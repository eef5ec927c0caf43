"""Reporting: what became of one issue, read from its totals only, so that it costs the same whatever was sent."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Sum

from cms.models import Kind, Region, Sector
from newsletter.figures import Figures, figures_of
from newsletter.giving_away import Held, held_by_issue
from newsletter.hiding import hide
from newsletter.models import Edition, Issue, Item, LinkCount, Mailing, Rollup, Total

Dimension = Total.Dimension
OF_AN_ISSUE = (
    Dimension.ISSUE,
    Dimension.EDITION,
    Dimension.SECTOR,
    Dimension.REGION,
    Dimension.KIND,
    Dimension.ITEM,
    Dimension.DAY,
)
ALL = -1  # in place of an item's id: all of an issue's links
NATIONAL = "national"  # the key of members without a region


@dataclass(frozen=True)
class Line:
    """One row of a list: what it is about, and its figures."""

    key: str
    label: str
    figures: Figures


@dataclass(frozen=True)
class EditionLine(Line):
    number: int
    items: int


@dataclass(frozen=True)
class ItemLine(Line):
    """`followed` is how often its links were followed by anybody, without knowing who; None = not counted, or few."""

    kind: str
    kind_label: str
    editions: int
    page: int | None
    followed: int | None


@dataclass(frozen=True)
class IssueReport:
    """An issue's figures. `counted_at` is None before the first count; `closed` says that the raw hits have gone."""

    issue: str
    counted_at: datetime | None = None
    closed: bool = False
    counts_anybody: bool = False  # whether links are counted for those who did not agree, without knowing who
    followed: int | None = None
    whole: Figures = field(default_factory=Figures)
    editions: list[EditionLine] = field(default_factory=list)
    sectors: list[Line] = field(default_factory=list)
    regions: list[Line] = field(default_factory=list)
    kinds: list[Line] = field(default_factory=list)
    items: list[ItemLine] = field(default_factory=list)
    days: list[Line] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def report(issue: Issue) -> IssueReport:
    """Read an issue's report: a fixed number of queries. Before the first count its lines hold no figures."""
    rollup = Rollup.objects.filter(pk=issue.pk).first()
    held = held_by_issue([issue.pk]).get(issue.pk, Held())
    found = figures_of(Total.objects.filter(issue=issue, dimension__in=OF_AN_ISSUE), held)
    mailing = Mailing.objects.filter(pk=issue.pk).only("counts_clicks").first()
    anybody = followed_by_anybody([issue.pk]) if mailing and mailing.counts_clicks else {}
    return IssueReport(
        issue=issue.period,
        counted_at=rollup.counted_at if rollup else None,
        closed=bool(rollup and rollup.closed_at),
        counts_anybody=bool(mailing and mailing.counts_clicks),
        followed=anybody.get((issue.pk, ALL)),
        whole=found.get((Dimension.ISSUE, ""), Figures()),
        editions=_editions(issue, found),
        sectors=_lines(found, Dimension.SECTOR, sector_names()),
        regions=_lines(found, Dimension.REGION, region_names()),
        kinds=_lines(found, Dimension.KIND, dict(Kind.choices)),
        items=_items(issue, found, held, anybody),
        days=_days(found),
    )


Found = dict[tuple[str, str], Figures]


def sector_names() -> dict[str, str]:
    return dict(Sector.objects.values_list("slug", "name"))


def region_names() -> dict[str, str]:
    return {**dict(Region.objects.values_list("slug", "name")), NATIONAL: "National"}


def _lines(found: Found, dimension: str, names: dict[str, str]) -> list[Line]:
    """In the order of the names; what has got another name since comes last, by its key."""
    keys = [key for of, key in found if of == dimension]
    order = list(names)
    keys.sort(key=lambda key: (order.index(key) if key in names else len(order), key))
    return [Line(key, str(names.get(key, key)), found[dimension, key]) for key in keys]


def _days(found: Found) -> list[Line]:
    return [
        Line(key, key, found[Dimension.DAY, key]) for key in sorted(key for of, key in found if of == Dimension.DAY)
    ]


def _editions(issue: Issue, found: Found) -> list[EditionLine]:
    editions = Edition.objects.filter(issue=issue).annotate(size=Count("places")).defer("html", "text")
    return [
        EditionLine(
            key=str(edition.pk),
            label=edition.label,
            figures=found.get((Dimension.EDITION, str(edition.pk)), Figures()),
            number=edition.number,
            items=edition.size,
        )
        for edition in editions.order_by("number")
    ]


def _items(issue: Issue, found: Found, held: Held, anybody: Mapping[tuple[int, int], int | None]) -> list[ItemLine]:
    items = Item.objects.filter(pk__in=held.kinds) | Item.objects.filter(issue=issue)
    listed = items.distinct().select_related("page").only("section", "headline", "sort_order", "page__title")
    labels = dict(Kind.choices)
    return [
        ItemLine(
            key=str(item.pk),
            label=str(item),
            figures=found.get((Dimension.ITEM, str(item.pk)), Figures()),
            kind=item.section,
            kind_label=str(labels.get(item.section, item.section)),
            editions=len(held.editions.get((Dimension.ITEM, str(item.pk)), ())),
            page=item.page_id,
            followed=anybody.get((issue.pk, item.pk)),
        )
        for item in listed.order_by("sort_order", "pk")
    ]


def followed_by_anybody(issues: Iterable[int]) -> dict[tuple[int, int], int | None]:
    """How often links were followed by anybody, as it may be shown: by issue and item, and of an issue under ALL. The
    links of no item are hidden with the others, since they all come to the whole."""
    issues = list(issues)
    cells = dict.fromkeys(Item.objects.filter(issue__in=issues).values_list("issue", "pk"), 0)
    counts = LinkCount.objects.filter(link__issue__in=issues).values_list("link__issue", "link__item")
    for issue, item, clicks in counts.annotate(Sum("clicks")).order_by():
        cells[issue, item or 0] = clicks
    lines: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for issue, item in cells:
        lines[issue].append((issue, item))
    for issue, line in lines.items():
        cells[issue, ALL] = sum(cells[one] for one in line)
        line.append((issue, ALL))
    return hide(cells, lines.values())
