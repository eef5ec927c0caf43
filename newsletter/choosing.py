"""The edition rule itself: pure, so that preview, freeze and a member's own page cannot differ.

design.md has it in words; ADR 9 and ADR 12 say what those leave open.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_

from membership.models import Audience


@dataclass(frozen=True)
class Candidate:
    """What the rule needs to know of an item. No sectors = for everyone; no regions = national."""

    item: int
    kind: str
    sectors: frozenset[int]
    regions: frozenset[int]
    place: int  # the editor's order
    pinned: bool = False


@dataclass(frozen=True)
class Choice:
    """What a reader gets: item ids in order, how many more there would have been, and which of them only a saved
    search brought, as pairs of item and that search's query string."""

    items: tuple[int, ...]
    more: int
    marks: tuple[tuple[int, str], ...] = ()


NOTHING = Choice((), 0)


class Shortlist:
    """An issue's candidates, made ready once, so that choosing among them costs little for each of many audiences.

    What an audience asks of an item becomes a few operations on whole numbers in which each bit is one candidate, the
    lowest being the first in the editor's order.
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        ordered = sorted(candidates, key=lambda one: one.place)
        self._items = [one.item for one in ordered]
        self._bits = {one.item: 1 << number for number, one in enumerate(ordered)}
        self._kinds: dict[str, int] = {}
        self._sectors: dict[int, int] = {}
        self._regions: dict[int | None, int] = {}
        self._everyone = self._national = self._pinned = 0
        for one in ordered:
            bit = self._bits[one.item]
            self._kinds[one.kind] = self._kinds.get(one.kind, 0) | bit
            for sector in one.sectors:
                self._sectors[sector] = self._sectors.get(sector, 0) | bit
            for region in one.regions:
                self._regions[region] = self._regions.get(region, 0) | bit
            self._everyone |= 0 if one.sectors else bit
            self._national |= 0 if one.regions else bit
            self._pinned |= bit if one.pinned else 0

    def choose(self, audience: Audience, limit: int, found: Mapping[str, Collection[int]] | None = None) -> Choice:
        """Apply the edition rule; see `choose`."""
        there = self._national | self._regions.get(audience.region_id, 0)
        wanted = there & _any(self._kinds.get(kind, 0) for kind in audience.kinds)
        own = wanted & _any(self._sectors.get(sector, 0) for sector in audience.sector_ids)
        everyone = wanted & self._everyone
        searched = 0
        marks: dict[int, str] = {}
        for query, items in sorted((found or {}).items()):
            new = _any(self._bits.get(item, 0) for item in items) & ~(own | everyone | searched)
            searched |= new
            marks |= dict.fromkeys(self._listed(new, new.bit_count()), query)
        piles = (own, searched, everyone)
        in_order = [*(pile & self._pinned for pile in piles), *(pile & ~self._pinned for pile in piles)]
        pinned = ((own | searched | everyone) & self._pinned).bit_count()
        room = max(limit, pinned)
        kept: list[int] = []
        for pile in in_order:
            kept += self._listed(pile, room - len(kept))
        more = (own | searched | everyone).bit_count() - len(kept)
        return Choice(tuple(kept), more, tuple((item, marks[item]) for item in kept if item in marks))

    def _listed(self, pile: int, room: int) -> list[int]:
        """The first items of a pile, as many as there is room for."""
        items: list[int] = []
        while pile and len(items) < room:
            lowest = pile & -pile
            items.append(self._items[lowest.bit_length() - 1])
            pile ^= lowest
        return items


def choose(
    candidates: Iterable[Candidate],
    audience: Audience,
    limit: int,
    found: Mapping[str, Collection[int]] | None = None,
) -> Choice:
    """Apply the edition rule: chosen kinds, own sectors or for everyone, own region or national.

    `found` holds, per saved search, the items it matches: they are added whatever their kind, sectors and region.
    Own-sector items come first, then those from searches, then what is for everyone, each in the editor's order;
    pinned ones before all. At most `limit` items, but never fewer than are pinned. For many audiences, make a
    `Shortlist` of the candidates once.
    """
    return Shortlist(candidates).choose(audience, limit, found)


def _any(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)
