"""The edition rule itself: pure, so that preview, freeze and a member's own page cannot differ.

design.md has it in words; ADR 9 and ADR 12 say what those leave open.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

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


def choose(
    candidates: Iterable[Candidate],
    audience: Audience,
    limit: int,
    found: Mapping[str, Collection[int]] | None = None,
) -> Choice:
    """Apply the edition rule: chosen kinds, own sectors or for everyone, own region or national.

    `found` holds, per saved search, the items it matches: they are added whatever their kind, sectors and region.
    Own-sector items come first, then those from searches, then what is for everyone, each in the editor's order;
    pinned ones before all. At most `limit` items, but never fewer than are pinned.
    """
    sectors, region, kinds = audience.sector_ids, audience.region_id, audience.kinds

    def chosen(one: Candidate) -> bool:
        return (
            one.kind in kinds
            and (not one.sectors or bool(one.sectors & sectors))
            and (not one.regions or region in one.regions)
        )

    marks: dict[int, str] = {}
    wanted: list[tuple[bool, int, int, Candidate]] = []
    for one in candidates:
        search = None
        if not chosen(one):
            search = next((query for query, items in sorted((found or {}).items()) if one.item in items), None)
            if search is None:
                continue
            marks[one.item] = search
        rank = 1 if search is not None else 0 if one.sectors & sectors else 2
        wanted.append((not one.pinned, rank, one.place, one))
    wanted.sort(key=lambda row: row[:3])
    pinned = sum(not row[0] for row in wanted)
    kept = tuple(row[3].item for row in wanted[: max(limit, pinned)])
    return Choice(kept, len(wanted) - len(kept), tuple((item, marks[item]) for item in kept if item in marks))
