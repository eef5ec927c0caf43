"""Who gets what: each item of a draft against readers of one sector, or of one region.

Everything is asked of the one edition rule (`choosing.py`); nothing here decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from wagtail.models import Page

from cms.models import Kind
from membership.models import Audience
from newsletter.editions import IssueEditions
from newsletter.readership import Crowd, Fill


class Gets(StrEnum):
    """What becomes of an item for one reader."""

    OWN = "own"  # carried, for a sector of theirs
    EVERYONE = "everyone"  # carried, as it is for everyone
    CUT = "cut"  # for them, but beyond the limit
    NOTHING = "nothing"  # not for them, or left out


@dataclass(frozen=True)
class Reader:
    """Somebody who chose these sectors and this region, every kind and every month. `members` are today's members
    whom the column is about: those with one of these sectors, or in this region."""

    name: str
    sectors: frozenset[int]
    region: int | None = None
    members: int = 0

    def audience(self, region: int | None) -> Audience:
        return Audience(key=Audience.make_key(sectors=self.sectors, region=region, kinds=Kind.values))


@dataclass(frozen=True)
class Cell:
    """One item for one reader. `regions` counts those in which such readers get it, if that says more: None where
    the table is of one region, and where in every region it is as it is without one."""

    gets: Gets
    regions: int | None = None


@dataclass(frozen=True)
class Column:
    """The edition of one reader; over all regions it holds `least` to `most` items, and is cut in `regions_cut`."""

    name: str
    members: int
    items: int
    more: int
    fill: Fill
    least: int
    most: int
    regions_cut: int


@dataclass(frozen=True)
class Row:
    """One item, in the editor's order. `why_not` says why no edition carries it; empty where some may."""

    headline: str
    kind: str
    pinned: bool
    regions: str  # the only regions it is for; empty: national
    why_not: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Matrix:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    regions: int  # those that cells and columns sum up; 0 when each is about one region


@dataclass(frozen=True)
class _Line:
    """An item of the issue, and its place among those that editions may carry."""

    place: int
    headline: str
    kind: str
    pinned: bool
    why_not: str


def by_sector(editions: IssueEditions, crowd: Crowd, region: int | None) -> Matrix:
    """A column for each sector. Without a region: readers who have none, and how it differs over the regions."""
    readers = []
    for pk, name in editions.sector_names.items():
        of_sector = {one: count for one, count in crowd.members.items() if pk in one.sector_ids}
        here = (count for one, count in of_sector.items() if not region or one.region_id == region)
        readers.append(Reader(name, frozenset([pk]), region, sum(here)))
    return _matrix(editions, readers, [] if region else list(editions.region_names))


def by_region(editions: IssueEditions, crowd: Crowd, sector: int | None) -> Matrix:
    """A column for each region, and one for readers without. Without a sector: readers who chose every sector."""
    sectors = frozenset([sector] if sector else editions.sector_names)
    readers = []
    for pk, name in [(None, "No region"), *editions.region_names.items()]:
        here = (
            count
            for one, count in crowd.members.items()
            if one.region_id == pk and (not sector or sector in one.sector_ids)
        )
        readers.append(Reader(name, sectors, pk, sum(here)))
    return _matrix(editions, readers, [])


def _matrix(editions: IssueEditions, readers: Sequence[Reader], regions: Sequence[int]) -> Matrix:
    lines = _lines(editions)
    columns, cells = [], []
    for reader in readers:
        column, of_column = _ask(editions, reader, regions)
        columns.append(column)
        cells.append(of_column)
    rows = [
        Row(
            headline=line.headline,
            kind=line.kind,
            pinned=line.pinned,
            regions=_regions(editions, line.place),
            why_not=line.why_not,
            cells=tuple(of_column.get(line.place, Cell(Gets.NOTHING)) for of_column in cells),
        )
        for line in lines
    ]
    return Matrix(tuple(columns), tuple(rows), len(regions))


def _ask(editions: IssueEditions, reader: Reader, regions: Sequence[int]) -> tuple[Column, dict[int, Cell]]:
    """The column of a reader, and by place a cell for each item that is for them, or would be in some region."""
    audience = reader.audience(reader.region)
    choice = editions.choose(audience)
    gets = dict.fromkeys(editions.choose(audience, uncut=True).items, Gets.CUT)
    for place in choice.items:
        own = editions.candidates[place].sectors & reader.sectors
        gets[place] = Gets.OWN if own else Gets.EVERYONE
    elsewhere = [editions.choose(reader.audience(region)) for region in regions]
    carried: dict[int, int] = {}
    for there in elsewhere:
        for place in there.items:
            carried[place] = carried.get(place, 0) + 1
    cells = {}
    for place in {*gets, *carried}:
        here = gets.get(place, Gets.NOTHING)
        as_here = len(regions) if here in (Gets.OWN, Gets.EVERYONE) else 0
        number = carried.get(place, 0)
        cells[place] = Cell(here, None if number == as_here else number)
    sizes = [len(one.items) for one in elsewhere] or [len(choice.items)]
    return Column(
        name=reader.name,
        members=reader.members,
        items=len(choice.items),
        more=choice.more,
        fill=Fill.of(len(choice.items), choice.more, editions.limit),
        least=min(sizes),
        most=max(sizes),
        regions_cut=sum(one.more > 0 for one in elsewhere),
    ), cells


def _lines(editions: IssueEditions) -> list[_Line]:
    """Every item of the issue, in the editor's order. One query, for the titles of entries that no edition carries."""
    items = list(editions.issue.items.all())
    carried = {item.number: item.headline for item in editions.numbered()}
    missing = [item.page_id for item in items if item.page_id and (item.left_out or item.page_id not in editions.pages)]
    titles = dict(Page.objects.filter(pk__in=missing).values_list("pk", "title"))
    kinds = dict(Kind.choices)
    lines, place = [], 0
    for item in items:
        candidate = 0
        if item.page_id and not item.left_out:
            place += 1  # as `IssueEditions` counts them
            candidate = place if place in editions.items else 0
        why_not = "left out" if item.left_out else "" if candidate else "not on the site now"
        headline = carried.get(candidate) or item.headline or titles.get(item.page_id, "An entry that has been deleted")
        lines.append(_Line(candidate, headline, kinds.get(item.section, item.section), item.pinned, why_not))
    return lines


def _regions(editions: IssueEditions, place: int) -> str:
    candidate = editions.candidates.get(place)
    return ", ".join(name for pk, name in editions.region_names.items() if candidate and pk in candidate.regions)
