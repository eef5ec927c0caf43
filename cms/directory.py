"""Searching the directory: the words in the address become one bounded page of entries, with counts beside the choices.

`cms/facets.py` understands the address, `cms/counting.py` finds and counts, `cms/spelling.py` and `cms/widening.py`
help where nothing was found. ADR 16 says how, and what it costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page as ResultPage
from django.core.paginator import Paginator
from django.utils import timezone

from cms.counting import Counted, count
from cms.facets import (
    FOR_ALL,
    MAX_QUERY,
    Facet,
    Filters,
    Vocabulary,
    as_vocabulary,
    give_terms,
    load_terms,
    load_vocabulary,
    read_filters,
)
from cms.following import Following, following
from cms.models.entry import Entry
from cms.spelling import correct
from cms.widening import NOT_WIDENED, Widened, fewer_words

__all__ = [
    "MAX_QUERY",
    "Facet",
    "Filters",
    "Results",
    "Vocabulary",
    "load_vocabulary",
    "read_filters",
    "search_directory",
]

PER_PAGE = 20
AT_FIRST = 8  # values of a facet that are shown before “Show all”
WORTH_HIDING = 3  # values; fewer are shown at once
LAST_PAGE = 10**6  # what anybody may ask for; no directory is longer
SORTS = {"relevance": "Best match", "newest": "Newest first", "title": "Title, A to Z", "date": "Date or deadline"}


@dataclass(frozen=True)
class Option:
    """A value of a facet, with how many entries there are with it and with what is chosen of the other facets."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class CountedFacet:
    """A facet as the page shows it."""

    name: str
    label: str
    options: list[Option]

    @property
    def first(self) -> list[Option]:
        return self.options[:AT_FIRST] if len(self.options) >= AT_FIRST + WORTH_HIDING else self.options

    @property
    def more(self) -> list[Option]:
        return self.options[len(self.first) :]

    @property
    def more_open(self) -> bool:
        """Whether something is chosen of those that are shown only on demand."""
        return any(option.chosen for option in self.more)

    @property
    def chosen(self) -> list[Option]:
        return [option for option in self.options if option.chosen]


@dataclass(frozen=True)
class Way:
    """A link to another search: what it is about, its address, and how many entries it finds."""

    group: str
    label: str
    address: str
    count: int = 0


class KnownPaginator(Paginator):
    """Pages of a list whose length is known."""

    def __init__(self, total: int) -> None:
        super().__init__([], PER_PAGE)
        self.total = total

    @cached_property
    def count(self) -> int:
        return self.total


@dataclass(frozen=True)
class Results:
    """What `/directory/` shows. `asked` is what was typed, where nothing held it and the nearest words were taken."""

    filters: Filters
    page: ResultPage
    counted: Counted
    sort: str
    asked: str = ""
    wider: tuple[Way, ...] = ()
    widened: Widened = NOT_WIDENED

    @property
    def in_vain(self) -> bool:
        """Whether some of the words are held by nothing. Where each is, and only all together are not, we have some."""
        return bool(self.query and not self.counted.by_words and not self.widened.all_held)

    @property
    def query(self) -> str:
        return self.filters.query

    @property
    def total(self) -> int:
        return self.counted.total

    @property
    def narrowed(self) -> bool:
        return bool(self.filters.pairs)

    @property
    def address(self) -> str:
        """The search as a query string without the page number, for links to other pages of results."""
        return self.address_of(self.filters)

    def address_of(self, filters: Filters) -> str:
        """Another search as a query string, in the same order as this one."""
        sort = (
            [("sort", self.sort)]
            if self.sort != usual_sort(filters) and (filters.query or self.sort != "relevance")
            else []
        )
        return urlencode([*filters.pairs, *sort])

    @property
    def sorts(self) -> list[tuple[str, str]]:
        """The orders to choose from, by relevance only where there are words. The usual one has no value: whoever does
        not choose an order, and types words next, gets the best match first."""
        usual = usual_sort(self.filters)
        return [
            ("" if value == usual else value, label)
            for value, label in SORTS.items()
            if self.query or value != "relevance"
        ]

    @property
    def chosen_sort(self) -> str:
        """The order as `sorts` has it."""
        return "" if self.sort == usual_sort(self.filters) else self.sort

    @cached_property
    def facets(self) -> list[CountedFacet]:
        return [self._counted(facet) for facet in self.filters.facets]

    def _counted(self, facet: Facet) -> CountedFacet:
        counts = self.counted.values[facet.name]
        for_all = counts[""] if facet.name in FOR_ALL else 0
        return CountedFacet(
            facet.name,
            facet.label,
            [Option(value, label, counts[value] + for_all, value in facet.chosen) for value, label in facet.choices],
        )

    @cached_property
    def following(self) -> Following:
        """How to hear of what is new in it."""
        return following(self.filters)

    @cached_property
    def chips(self) -> list[Way]:
        """What is asked for, each with the address of the same search without it."""
        words = [Way("words", f"“{self.query}”", self.address_of(self.filters.without("q")))] if self.query else []
        return words + [
            Way(facet.label.lower(), label, self.address_of(self.filters.without(facet.name, value)))
            for facet in self.filters.chosen
            for value, label in facet.choices
            if value in facet.chosen
        ]


def search_directory(params: Mapping[str, Any]) -> Results:
    """Find live entries. `params` are the address's own words: q, kind, sector, topic, region, age, reader (each of
    these any number of times), sort, page.

    Unknown values are ignored and a page beyond the end shows the last, so that any address gives a clean page. Words
    that no entry holds are replaced by the nearest ones that some do. Three queries; up to eight more where nothing is
    found.
    """
    terms = load_terms()
    filters = read_filters(params, as_vocabulary(terms))
    sort = _one(params, "sort")
    sort = sort if sort in SORTS and (filters.query or sort != "relevance") else usual_sort(filters)
    asked = ""
    found, number = _find(filters, sort, _one(params, "page"))
    if filters.query and not found.by_words:
        better = correct(filters.query)
        if better:
            instead = replace(filters, query=better)
            nearest, number_of_it = _find(instead, sort, _one(params, "page"))
            if nearest.by_words:
                asked, filters, found, number = filters.query, instead, nearest, number_of_it
    results = Results(filters, _page(found, number, terms), found, sort, asked)
    if found.total:
        return results
    widened = fewer_words(filters) if filters.query and not found.by_words else NOT_WIDENED
    return replace(results, widened=widened, wider=(*_wider(results), *_with_fewer_words(results, widened)))


def usual_sort(filters: Filters) -> str:
    return "relevance" if filters.query else "newest"


def _find(filters: Filters, sort: str, page: str) -> tuple[Counted, int]:
    """What was found, and the number of the page. Asks a second time only for a page beyond the end."""
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 8 else 1
    number = min(max(number, 1), LAST_PAGE)
    today = timezone.localdate()
    found = count(filters, sort=sort, first=(number - 1) * PER_PAGE, number=PER_PAGE, today=today)
    last = max(1, -(-found.total // PER_PAGE))
    if number > last:
        number = last
        found = count(filters, sort=sort, first=(number - 1) * PER_PAGE, number=PER_PAGE, today=today)
    return found, number


def _page(found: Counted, number: int, terms: Any) -> ResultPage:
    """The page's entries, in the order found (one query)."""
    entries = {
        entry.pk: entry for entry in Entry.objects.live().filter(pk__in=found.ids).select_related("search_facets")
    }
    shown = [entries[pk] for pk in found.ids if pk in entries]
    give_terms(shown, terms)
    return ResultPage(shown, number, KnownPaginator(found.total))


def _wider(results: Results) -> tuple[Way, ...]:
    """How many there would be without each of the choices, or without the words (one query); those that find any."""
    filters, found = results.filters, results.counted
    ways = [
        Way(facet.label.lower(), " or ".join(facet.labels), results.address_of(one), found.without[facet.name])
        for facet in filters.chosen
        for one in [filters.without(facet.name)]
    ]
    if filters.query and filters.chosen:
        without_words = filters.without("q")
        counted = count(without_words, sort="newest", first=0, number=0, today=timezone.localdate())
        ways.append(Way("words", f"“{filters.query}”", results.address_of(without_words), counted.total))
        if found.by_words:
            ways.append(Way("", "", results.address_of(Filters(filters.query, [])), found.by_words))
    return tuple(way for way in ways if way.count)


def _with_fewer_words(results: Results, widened: Widened) -> list[Way]:
    ways = []
    for way in widened.ways:
        said = f"without “{way.without}”" if way.without else f"for “{way.query}”"
        narrowed = replace(results.filters, query=way.query) if way.narrowed else Filters(way.query, [])
        other = "" if way.narrowed or not results.filters.chosen else ", if you drop the other choices"
        ways.append(Way("said", said.replace('"', "") + other, results.address_of(narrowed), way.count))
    return ways


def _one(params: Mapping[str, Any], name: str) -> str:
    """The last of the values of a parameter that has one."""
    value = params.get(name) or ""
    return str(value[-1] if isinstance(value, list | tuple) and value else value)
