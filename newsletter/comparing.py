"""Comparing: what totals of many issues say together. Over time, for one sector, of the directory's entries, and of
members as a whole.

The same people receive one issue after the other. So what an issue's report hides is left out issue by issue, before
anything is added: ten clicks may be one person's, ten times. What is added up is therefore said as "at least".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cms.models import Kind, Sector
from newsletter.by_issue import NOBODY, Reach, Shown, of_items, of_sectors, within_sectors
from newsletter.engaging import split_key
from newsletter.figures import Figures, figures_of
from newsletter.hiding import gives_away, hide
from newsletter.models import Issue, Item, Total
from newsletter.reporting import followed_by_anybody

Dimension = Total.Dimension
MONTHS = 24  # issues shown over time
A_YEAR = 12  # issues that entries and sectors are judged by


@dataclass(frozen=True)
class Moment:
    """One issue on a line through time."""

    issue: Issue
    figures: Figures


@dataclass(frozen=True)
class Worth:
    """What something was worth to some people: sent to how many, how many of those who agreed followed it. Summed over
    issues, leaving out every issue in whose report a cell is hidden; None = all of them."""

    key: str
    label: str
    sent: int | None
    agreed: int | None
    followed: int | None
    issues: int = 0
    kind: str = ""
    page: int | None = None
    anybody: int | None = None  # followed by anybody, where that was counted

    @property
    def share(self) -> float | None:
        """At least this share of those who agreed followed it."""
        return min(1.0, self.followed / self.agreed) if self.followed is not None and self.agreed else None


@dataclass(frozen=True)
class SectorServed:
    """How a sector is served. `own` are items that were for it and not for everyone."""

    slug: str
    name: str
    members: int | None  # that the newest issue went to
    items: int
    own: int
    share: float | None
    agreed: int | None
    under_served: bool


@dataclass(frozen=True)
class Engaged:
    """Members of a sector who agreed, by how many of the latest issues they opened and followed: index = number."""

    key: str
    label: str
    opened: list[int | None]
    followed: list[int | None]
    agreed_opens: int | None
    agreed_clicks: int | None


def latest_issues(number: int) -> list[Issue]:
    """The latest monthly issues that were sent and counted, newest first."""
    issues = Issue.objects.sent().filter(rollup__counted_at__isnull=False).select_related("rollup")
    return list(issues.only("period", "title", "subject", "rollup", "path", "depth").order_by("-period")[:number])


def over_time(issues: list[Issue], sector: str = "") -> list[Moment]:
    """The figures of each issue, oldest first: of the whole, or of one sector's members."""
    rows = Total.objects.filter(issue__in=issues, dimension__in=[Dimension.ISSUE, Dimension.SECTOR])
    if not sector:
        rows = rows.filter(dimension=Dimension.ISSUE)
    by_issue: dict[int, list[Total]] = defaultdict(list)
    for row in rows:
        by_issue[row.issue_id].append(row)
    key = (Dimension.SECTOR, sector) if sector else (Dimension.ISSUE, "")
    # All sectors of an issue are hidden together, as its own report does.
    return [
        Moment(issue, figures_of(by_issue[issue.pk]).get(key, Figures())) for issue in sorted(issues, key=_by_period)
    ]


def _by_period(issue: Issue) -> str:
    return issue.period


def what_works(issues: list[Issue], sector: str) -> tuple[list[Worth], list[Worth]]:
    """Kinds and items by what share of a sector's members who agreed followed them, best first."""
    found = within_sectors([issue.pk for issue in issues])
    kinds = _of(found, Dimension.SECTOR_KIND, sector)
    items = _of(found, Dimension.SECTOR_ITEM, sector)
    return _worth(kinds, dict(Kind.choices)), _worth(items, *_items(key for _, key, _ in items))


def entries(issues: list[Issue]) -> list[Worth]:
    """Every entry these issues carried, by how many people it was sent to."""
    rows = _of(of_items([issue.pk for issue in issues]), Dimension.ITEM)
    labels, items = _items(key for _, key, _ in rows)
    found = _worth(rows, labels, items, followed_by_anybody(issue.pk for issue in issues))
    return sorted(found, key=lambda one: (-(one.sent or 0), one.label))


def never_followed(found: list[Worth]) -> list[Worth]:
    """Entries that ten people or more could have been seen to follow, and none can be shown to have followed. Which of
    them fewer than ten did, and which are only hidden along, is not said: it would say which cells are small."""
    return [one for one in found if one.agreed and one.followed is None]


def sectors_served(issues: list[Issue]) -> list[SectorServed]:
    """How each sector is served, those with the least of their own first."""
    if not issues:
        return []
    found = of_sectors([issue.pk for issue in issues])
    newest = found.get(issues[0].pk, {})
    received: dict[str, set[str]] = defaultdict(set)
    keys = Total.objects.filter(issue__in=issues, dimension=Dimension.SECTOR_ITEM).values_list("key", flat=True)
    for key in keys:
        slug, _, item = key.rpartition("/")
        received[slug].add(item)
    own = _own_items(issues)
    worth = {one.key: one for one in _worth(_of(found, Dimension.SECTOR), {})}
    names = dict(Sector.objects.values_list("slug", "name"))
    typical = sorted(len(own[slug]) for slug in names)[len(names) // 2] if names else 0
    served = []
    for slug, name in names.items():
        one = worth.get(slug)
        served.append(
            SectorServed(
                slug=slug,
                name=name,
                members=newest.get((Dimension.SECTOR, slug), NOBODY).sent,
                items=len(received[slug]),
                own=len(own[slug]),
                share=one.share if one else None,
                agreed=one.agreed if one else None,
                under_served=len(own[slug]) * 2 < typical or not own[slug],
            )
        )
    return sorted(served, key=lambda one: (one.own, one.name))


def _own_items(issues: list[Issue]) -> dict[str, set[int]]:
    """By sector, the items that were for it: by the item's own sectors, else those of its entry."""
    items = Item.objects.filter(issue__in=issues, left_out=False)
    chosen = list(items.filter(sectors__isnull=False).values_list("pk", "sectors__slug"))
    theirs = {pk for pk, _ in chosen}
    inherited = items.filter(page__sectors__isnull=False).values_list("pk", "page__sectors__slug")
    found: dict[str, set[int]] = defaultdict(set)
    for pk, slug in [*chosen, *((pk, slug) for pk, slug in inherited if pk not in theirs)]:
        found[slug].add(pk)
    return found


def engagement() -> tuple[Issue | None, list[Engaged]]:
    """Members by how many of the latest issues they opened and followed: all of them, then each sector. With it the
    newest of these issues, None before anything was counted."""
    rows = Total.objects.filter(dimension=Dimension.ENGAGED)
    newest = rows.order_by("-issue__period").values_list("issue", flat=True).first()
    if newest is None:
        return None, []
    counts: dict[str, dict[int, Total]] = defaultdict(dict)
    for row in rows.filter(issue=newest):
        number, crowd = split_key(row.key)
        counts[crowd][number] = row
    number_of_issues = max(counts[""])
    names = {"": "All members", **dict(Sector.objects.values_list("slug", "name"))}
    crowds = [slug for slug in names if slug in counts]
    opened = _engaged(crowds, counts, number_of_issues, "agreed_opens")
    followed = _engaged(crowds, counts, number_of_issues, "agreed_clicks")
    lines = [
        Engaged(
            key=slug,
            label=str(names[slug]),
            opened=opened[slug][:-1],
            followed=followed[slug][:-1],
            agreed_opens=opened[slug][-1],
            agreed_clicks=followed[slug][-1],
        )
        for slug in crowds
    ]
    return Issue.objects.select_related("rollup").get(pk=newest), lines


def _engaged(
    crowds: list[str], counts: dict[str, dict[int, Total]], most: int, column: str
) -> dict[str, list[int | None]]:
    """By crowd, the counts for 0 to `most` issues, and last their sum."""
    cells: dict[tuple[str, int], int] = {}
    for slug in crowds:
        row = [getattr(counts[slug].get(number), column, 0) for number in range(most + 1)]
        cells |= {(slug, place): people for place, people in enumerate([*row, sum(row)])}
    places = range(most + 2)
    lines = [[(slug, place) for place in places] for slug in crowds]
    lines += [[(slug, place) for slug in crowds if slug] for place in places]
    # Whatever a sector leaves of all members says how many of the others there are.
    near = [key for key, people in cells.items() if key[0] and gives_away(people, cells.get(("", key[1]), 0))]
    found = hide(cells, lines, also=near)
    return {slug: [found[slug, place] for place in places] for slug in crowds}


Row = tuple[int, str, Reach]  # of which issue, about what, and what may be shown of it


def _of(found: Mapping[int, Shown], dimension: str, sector: str = "") -> list[Row]:
    """The rows of a dimension, of one sector where there is one; about a kind, a sector, or an item by its id."""
    prefix = f"{sector}/" if sector else ""
    return [
        (issue, key.removeprefix(prefix), reach)
        for issue, rows in found.items()
        for (of, key), reach in rows.items()
        if of == dimension and key.startswith(prefix)
    ]


def _items(keys: Iterable[str]) -> tuple[dict[str, str], dict[str, Item]]:
    items = Item.objects.select_related("page").in_bulk({int(key) for key in keys})
    return {str(pk): str(item) for pk, item in items.items()}, {str(pk): item for pk, item in items.items()}


def _worth(
    rows: Iterable[Row],
    labels: dict[str, str],
    items: dict[str, Item] | None = None,
    anybody: Mapping[tuple[int, int], int | None] | None = None,
) -> list[Worth]:
    """Add up rows by what they are about: a kind, a sector, or the entry of an item. Best first."""
    gathered: dict[str, list[Row]] = defaultdict(list)
    about: dict[str, Item | None] = {}
    for row in rows:
        key = row[1]
        item = (items or {}).get(key)
        if items is not None and item is None:
            continue  # the item was deleted since
        place = f"page {item.page_id}" if item and item.page_id else key
        gathered[place].append(row)
        about[place] = item
    kinds = dict(Kind.choices)
    found = []
    for place, own in gathered.items():
        item, key = about[place], own[0][1]
        reaches = [reach for _, _, reach in own]
        found.append(
            Worth(
                key=key,
                label=str(item) if item else str(labels.get(key, key)),
                sent=_sum(reach.sent for reach in reaches),
                agreed=_sum(reach.agreed for reach in reaches),
                followed=_sum(reach.followed for reach in reaches if reach.agreed is not None),
                issues=len({issue for issue, _, _ in own}),
                kind=str(kinds.get(item.section, item.section)) if item else "",
                page=item.page_id if item else None,
                anybody=_sum(anybody.get((issue, int(key))) for issue, key, _ in own) if anybody else None,
            )
        )
    return sorted(found, key=lambda one: (-(one.share or 0), -(one.sent or 0), one.label))


def _sum(counts: Iterable[int | None]) -> int | None:
    """Of those issues in which it may be shown; None where it is in none."""
    shown = [count for count in counts if count is not None]
    return sum(shown) if shown else None
