"""Searching the directory: the words in the address become one bounded page of entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page as ResultPage
from django.core.paginator import Paginator
from django.db.models import Model, Q

from cms.models.entry import READERS, Entry, Kind
from cms.models.taxonomies import AgeGroup, Region, Sector, Topic
from cms.querysets import EntryQuerySet

PER_PAGE = 20
MAX_QUERY = 200  # characters; nobody types more, robots do


@dataclass(frozen=True)
class Facet:
    """One way to narrow the list: its name in the address, its label, its choices and what is chosen."""

    name: str
    label: str
    choices: list[tuple[str, str]]
    chosen: str


@dataclass(frozen=True)
class Filters:
    """What a search asks for, in words that are known today."""

    query: str
    facets: list[Facet]

    @property
    def chosen(self) -> dict[str, str]:
        """The words of the address, without those that say nothing."""
        chosen = {facet.name: facet.chosen for facet in self.facets if facet.chosen}
        return {"q": self.query, **chosen} if self.query else chosen

    @property
    def canonical(self) -> str:
        """The one query string of this search, sorted: two that ask the same have the same."""
        return urlencode(sorted(self.chosen.items()))

    @property
    def words(self) -> str:
        """The search as people read it: “visits, Support service, London”. Empty when nothing is asked for."""
        labels = [dict(facet.choices)[facet.chosen] for facet in self.facets if facet.chosen]
        return ", ".join([self.query, *labels] if self.query else labels)

    def narrow(self, entries: EntryQuerySet) -> EntryQuerySet:
        """The entries that match. A region also finds national ones, a sector and an age also those for everyone."""
        if self.query:
            words = self.query
            entries = entries.filter(
                Q(title__icontains=words) | Q(summary__icontains=words) | Q(publisher__icontains=words)
            )
        chosen = self.chosen
        if "kind" in chosen:
            entries = entries.filter(kind=chosen["kind"])
        if "reader" in chosen:
            entries = entries.filter(reader=chosen["reader"])
        if "topic" in chosen:
            entries = entries.filter(topics__slug=chosen["topic"])
        if "sector" in chosen:
            entries = entries.filter(Q(sectors__slug=chosen["sector"]) | Q(sectors=None))
        if "region" in chosen:
            entries = entries.filter(Q(regions__slug=chosen["region"]) | Q(regions=None))
        if "age" in chosen:
            entries = entries.filter(Q(age_groups__slug=chosen["age"]) | Q(age_groups=None))
        return entries


@dataclass(frozen=True)
class Results:
    """What `/directory/` shows."""

    filters: Filters
    page: ResultPage

    @property
    def query(self) -> str:
        return self.filters.query

    @property
    def facets(self) -> list[Facet]:
        return self.filters.facets

    @property
    def narrowed(self) -> bool:
        return bool(self.filters.chosen)

    @property
    def address(self) -> str:
        """The filters as a query string without the page number, for links to other pages of results."""
        return urlencode(self.filters.chosen)


def search_directory(params: Mapping[str, Any]) -> Results:
    """Find live entries. `params` are the address's own words: q, kind, sector, topic, region, age, reader, page.

    Unknown values are ignored and a page beyond the end shows the last, so that any address gives a clean page.
    """
    filters = read_filters(params)
    entries = filters.narrow(Entry.objects.live().with_terms()).order_by("-first_published_at", "-pk")
    return Results(filters, Paginator(entries, PER_PAGE).get_page(params.get("page")))


def read_filters(params: Mapping[str, Any], vocabulary: "Vocabulary | None" = None) -> Filters:
    """Understand the words of an address. Whoever reads many hands the vocabulary in, so that it is loaded once."""
    query = " ".join(str(params.get("q", "")).replace("\0", "").split())[:MAX_QUERY]
    return Filters(query, [_facet(*known, params) for known in vocabulary or load_vocabulary()])


Vocabulary = Sequence[tuple[str, str, list[tuple[str, str]]]]


def load_vocabulary() -> Vocabulary:
    """Each facet's name, label and choices, in the order in which they are shown (five queries)."""
    return [
        ("kind", "Kind", list(Kind.choices)),
        ("sector", "Sector", _terms(Sector)),
        ("region", "Region", _terms(Region)),
        ("topic", "Topic", _terms(Topic)),
        ("age", "Age group", _terms(AgeGroup)),
        ("reader", "Reader", READERS),
    ]


def _terms(model: type[Model]) -> list[tuple[str, str]]:
    return list(model._default_manager.values_list("slug", "name"))


def _facet(name: str, label: str, choices: list[tuple[str, str]], params: Mapping[str, Any]) -> Facet:
    asked = str(params.get(name, ""))
    return Facet(name, label, choices, asked if asked in dict(choices) else "")
