"""Giving away: what the rows of an issue's totals say about each other, so that small figures stay hidden (ADR 23).

Editions and regions are parts that come to the whole. An item's people are those of the editions that hold it, so its
figures are sums of theirs, but for clicks, which are on its own links. Sectors, kinds and days overlap; yet mostly a
member has one sector, so they are taken for lists with a whole all the same.

What needs more than three figures at once, and the editions' contents, is not looked for.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, compress

from django.db.models import QuerySet

from newsletter.hiding import gives_away
from newsletter.models import EditionItem, Total

Dimension = Total.Dimension
Place = tuple[str, str]  # dimension and key of a row
Cell = tuple[Place, str]  # a figure of it
WHOLE: Place = (Dimension.ISSUE, "")
REST = "rest"  # no row: what the parts do not come to, such as people who were erased since
PARTITIONS = (Dimension.EDITION, Dimension.REGION)
SUMS = (Dimension.ITEM, Dimension.KIND)
LISTS = (Dimension.SECTOR, Dimension.KIND, Dimension.ITEM, Dimension.DAY)


@dataclass(frozen=True)
class Held:
    """Which editions hold an item, or an item of a kind, by its row; and the kind of each item by id."""

    editions: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)


def held_by_issue(issues: Iterable[int]) -> dict[int, Held]:
    """What the editions of these issues hold, in one query."""
    places: QuerySet[EditionItem, tuple[int, int, int, str]] = EditionItem.objects.filter(
        edition__issue__in=list(issues), item__isnull=False
    ).values_list("edition__issue", "edition", "item", "item__section")
    editions: dict[int, dict[Place, set[str]]] = defaultdict(lambda: defaultdict(set))
    kinds: dict[int, dict[str, str]] = defaultdict(dict)
    for issue, edition, item, kind in places.order_by():
        kinds[issue][str(item)] = kind
        editions[issue][Dimension.ITEM, str(item)].add(str(edition))
        editions[issue][Dimension.KIND, kind].add(str(edition))
    return {
        issue: Held({place: frozenset(numbers) for place, numbers in found.items()}, kinds[issue])
        for issue, found in editions.items()
    }


def is_sum_of_editions(name: str) -> bool:
    """Whether an item's figure of this name is the sum of its editions'."""
    return not name.startswith("clickers_")


def rests(cells: Mapping[Cell, int], places: Sequence[Place], names: Sequence[str]) -> dict[Cell, int]:
    """What the parts of the whole do not come to, where they do not: cells that are on no page."""
    found: dict[Cell, int] = {}
    for dimension in PARTITIONS:
        parts = [place for place in places if place[0] == dimension]
        for name in names if parts and WHOLE in places else ():
            rest = cells[WHOLE, name] - sum(cells[place, name] for place in parts)
            if rest > 0:
                found[(REST, dimension), name] = rest
    return found


def near(cells: Mapping[Cell, int], places: Sequence[Place], names: Sequence[str], held: Held) -> set[Cell]:
    """Cells that leave fewer than ten people of the whole, or of their kind, and so say how many these are."""
    listed = set(places)
    found: set[Cell] = set()
    for place in places:
        for whole in _wholes(place, held):
            if whole in listed and whole != place:
                found |= {(place, name) for name in names if gives_away(cells[place, name], cells[whole, name])}
    return found


def _wholes(place: Place, held: Held) -> Iterator[Place]:
    """The rows of which all people of a row are."""
    yield WHOLE
    if place[0] == Dimension.ITEM and place[1] in held.kinds:
        yield Dimension.KIND, held.kinds[place[1]]


def lines(cells: Mapping[Cell, int], places: Sequence[Place], names: Sequence[str], held: Held) -> list[list[Cell]]:
    """Cells that give each other away, over the rows of an issue and the `rests`, which are among the cells."""
    members: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        members[place[0]].append(place)
    sums = _sums(members, held)
    found = []
    for name in names:
        column = {place: (place, name) for place in [*places, *((REST, dimension) for dimension in PARTITIONS)]}
        for dimension in PARTITIONS if (WHOLE, name) in cells else ():
            if members[dimension]:
                found.append([column[place] for place in [WHOLE, (REST, dimension), *members[dimension]]])
        if is_sum_of_editions(name):
            found += [[column[place] for place in line] for line in sums]
        for dimension in LISTS:
            if dimension in SUMS and sums and is_sum_of_editions(name):
                continue  # sums say more than lists
            # Whoever is nearly the whole leaves no room for the others: they overlap.
            whole = cells.get((WHOLE, name), 0)
            found.append([column[one] for one in members[dimension] if not gives_away(cells[one, name], whole)])
    return [[cell for cell in line if cell in cells] for line in found]


def _sums(members: Mapping[str, Sequence[Place]], held: Held) -> list[list[Place]]:
    """What items, kinds and the whole say of editions: each by itself, and two or three together."""
    editions = members.get(Dimension.EDITION, ())
    bits = {key: 1 << number for number, (_, key) in enumerate(editions)}  # sets of editions are numbers: they are many

    def parts(mask: int) -> list[Place]:
        return list(compress(editions, map(int, reversed(f"{mask:b}"))))

    found: list[list[Place]] = []
    if not bits:
        return found
    known = {sum(bits.values()): WHOLE}
    for place in [place for dimension in SUMS for place in members.get(dimension, ())]:
        mask = sum(bits.get(edition, 0) for edition in held.editions.get(place, ()))
        if mask in known:
            found.append([place, known[mask]])  # the same people
        elif mask:
            known[mask] = place
            found.append([place, *parts(mask)])
    for (mask, one), (its, other) in combinations(known.items(), 2):
        together = mask | its
        if together in (mask, its):  # one within the other: what is between them
            found.append([one, other, *parts(mask ^ its)])
        elif together in known:  # what both have, if anything
            found.append([one, other, known[together], *parts(mask & its)])
    return [[*line, (REST, Dimension.EDITION)] if WHOLE in line else line for line in found]
