"""Other searches to offer where several words are each held by some entry, and all of them together by none."""

from dataclasses import dataclass

from django.db.models import Count, Q

from cms.facets import Filters
from cms.matching import found_by
from cms.models.search import SearchFacets
from cms.words import Part, as_typed, understand_words

MOST_PARTS = 5  # words or phrases of one search; of more, nothing is left out


@dataclass(frozen=True)
class Fewer:
    """A search with fewer words. `without` is what was left out, empty where one word was kept; `narrowed` says whether
    what is chosen of the facets stays."""

    query: str
    without: str
    narrowed: bool
    count: int


@dataclass(frozen=True)
class Widened:
    """What to offer, in the order of the words; and whether each of the words is held by some entry."""

    ways: tuple[Fewer, ...] = ()
    all_held: bool = False


NOT_WIDENED = Widened()


def fewer_words(filters: Filters) -> Widened:
    """The search without each of its words or, where none of those finds anything, for each of them alone (one query).

    A search that would find nothing with what is chosen of the facets is offered without that.
    """
    parts = understand_words(filters.query)
    wanted = [place for place, part in enumerate(parts) if not part.unwanted]
    if not 2 <= len(wanted) <= MOST_PARTS:
        return NOT_WIDENED
    without = {as_typed(_without(parts, place)): as_typed([parts[place]]) for place in wanted}
    alone = [as_typed([parts[place]]) for place in wanted]
    counts = _count(filters, list(dict.fromkeys([*without, *alone])))

    def offered(query: str, left_out: str) -> Fewer:
        anywhere, within = counts[query]
        return Fewer(query, left_out, bool(filters.chosen and within), within or anywhere)

    ways = [offered(query, left_out) for query, left_out in without.items() if counts[query][0]]
    ways = ways or [offered(query, "") for query in dict.fromkeys(alone) if counts[query][0]]
    return Widened(tuple(ways), all_held=all(counts[query][0] for query in alone))


def _without(parts: list[Part], place: int) -> list[Part]:
    return parts[:place] + parts[place + 1 :]


def _count(filters: Filters, queries: list[str]) -> dict[str, tuple[int, int]]:
    """By query, how many entries hold it, and how many of those meet what is chosen of the facets."""
    chosen = [facet.condition() for facet in filters.chosen]
    asked = {}
    for number, query in enumerate(queries):
        asked[f"anywhere_{number}"] = Count("pk", filter=found_by(query))
        asked[f"within_{number}"] = Count("pk", filter=Q(found_by(query), *chosen))
    found = SearchFacets.objects.aggregate(**asked)
    return {query: (found[f"anywhere_{number}"], found[f"within_{number}"]) for number, query in enumerate(queries)}
