"""By issue: what may be shown of the rows of many issues, each hidden as in the issue's own report (ADR 23).

Of each row three figures: sent to how many, how many of them agreed to clicks, and how many of these followed it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from newsletter.figures import shown_cells
from newsletter.giving_away import REST, Held, Place, held_by_issue
from newsletter.hiding import SMALLEST_CELL, gives_away, hide
from newsletter.models import Total

Dimension = Total.Dimension
BASE = ("sent", "agreed_clicks")
FOLLOWED = "clickers_human"
FOLLOWERS = (FOLLOWED, "clickers_machine", "clickers_unknown")
PARENTS = {Dimension.SECTOR_ITEM: Dimension.ITEM, Dimension.SECTOR_KIND: Dimension.KIND}


class Reach(NamedTuple):
    """What may be shown of one row: None = hidden."""

    sent: int | None
    agreed: int | None
    followed: int | None


Shown = dict[Place, Reach]
NOBODY = Reach(None, None, None)


def of_sectors(issues: Collection[int]) -> dict[int, Shown]:
    """The sectors of each issue, and the whole: one query."""
    rows = _rows(issues, [Dimension.ISSUE, Dimension.SECTOR], BASE + FOLLOWERS)
    return {issue: _reaches(shown_cells(found, Held(), BASE, ("clickers",))) for issue, found in rows.items()}


def of_items(issues: Collection[int]) -> dict[int, Shown]:
    """The items and kinds of each issue, and the whole: three queries."""
    rows = _rows(issues, [Dimension.ISSUE, Dimension.KIND, Dimension.ITEM], BASE + FOLLOWERS)
    editions = _rows(issues, [Dimension.EDITION], BASE)
    held = held_by_issue(issues)
    found = {}
    for issue, listed in rows.items():
        holding = held.get(issue, Held())
        contents = frozenset(holding.editions.items()), frozenset(holding.kinds.items())
        found[issue] = _of_items(tuple(sorted(listed)), tuple(sorted(editions.get(issue, []))), *contents)
    return found


@lru_cache(maxsize=60)  # issues: their totals seldom change, and these are looked at again and again
def _of_items(
    listed: tuple[Any, ...],
    editions: tuple[Any, ...],
    held: frozenset[tuple[Place, frozenset[str]]],
    kinds: frozenset[tuple[str, str]],
) -> Shown:
    holding = Held(dict(held), dict(kinds))
    # Clicks do not add up over editions: these say nothing about those on an item.
    cells = shown_cells(listed, Held(kinds=holding.kinds), BASE, ("clickers",))
    for place, base in shown_cells([*listed, *editions], holding, BASE, ()).items():
        if place in cells:
            cells[place] |= base
    return _reaches(cells)


def within_sectors(issues: Collection[int]) -> dict[int, Shown]:
    """The kinds and items of every sector, by issue: a fixed number of queries. All sectors are hidden together, since
    those of an item may come to the item."""
    shown: dict[int, Shown] = defaultdict(dict)
    for part in (of_sectors(issues), of_items(issues)):
        for issue, reaches in part.items():
            shown[issue] |= reaches
    names = (*BASE, FOLLOWED)
    wholes = _rows(issues, [Dimension.SECTOR, *PARENTS.values()], names)
    parts = _rows(issues, list(PARENTS), names)
    return {
        issue: _within(tuple(sorted(found)), tuple(sorted(wholes.get(issue, []))), frozenset(shown[issue].items()))
        for issue, found in parts.items()
    }


@lru_cache(maxsize=60)
def _within(parts: tuple[Any, ...], wholes: tuple[Any, ...], reaches: frozenset[tuple[Place, Reach]]) -> Shown:
    shown = dict(reaches)
    columns = [
        _column(
            {(row.dimension, row.key): _people(row, name) for row in parts},
            {(row.dimension, row.key): getattr(row, name) for row in wholes},
            {place for place, reach in shown.items() if reach[number] is not None},
        )
        for number, name in enumerate((*BASE, FOLLOWED))
    ]
    return {place: Reach(*(column[place] for column in columns)) for place in columns[0]}


def _people(row: Any, name: str) -> int:
    """As in a report, of fewer than ten who agreed nobody is said to have followed."""
    people: int = getattr(row, name)
    return people if name != FOLLOWED or row.agreed_clicks >= SMALLEST_CELL else 0


def _column(cells: dict[Place, int], wholes: Mapping[Place, int], shown: Collection[Place]) -> dict[Place, int | None]:
    """One figure of the parts of sectors. A part is within its item or kind, and within its sector."""
    near: set[Place] = set()
    siblings: dict[Place, list[Place]] = defaultdict(list)
    for (dimension, key), people in cells.items():
        place = (dimension, key)
        sector, _, what = key.rpartition("/")
        parent = (PARENTS[Dimension(dimension)].value, what)
        siblings[parent].append(place)
        siblings[dimension, sector].append(place)
        if any(gives_away(people, wholes.get(one, 0)) for one in (parent, (Dimension.SECTOR.value, sector))):
            near.add(place)
    everything = dict(cells)
    lines = []
    for whole, line in siblings.items():
        rest = wholes.get(whole, 0) - sum(cells[place] for place in line)
        if rest > 0:  # in no sector
            everything[REST, f"{whole}"] = rest
            line.append((REST, f"{whole}"))
        if whole in wholes and whole not in shown:
            everything[whole] = wholes[whole]
            near.add(whole)
            line.append(whole)
        lines.append(line)
    found = hide(everything, lines, also=near, last=lambda place: place[0] != REST)
    return {place: found[place] for place in cells}


def _reaches(cells: Mapping[Place, Mapping[str, int | None]]) -> Shown:
    return {place: Reach(found["sent"], found["agreed_clicks"], found[FOLLOWED]) for place, found in cells.items()}


def _rows(issues: Collection[int], dimensions: Sequence[str], names: Sequence[str]) -> dict[int, list[Any]]:
    """Rows of totals by issue, with these figures."""
    found: dict[int, list[Any]] = defaultdict(list)
    rows = Total.objects.filter(issue__in=list(issues), dimension__in=dimensions)
    for row in rows.values_list("issue", "dimension", "key", *names, named=True):
        found[row.issue].append(row)
    return found
