"""Searching the directory: the words in the address become one bounded page of entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page as ResultPage
from django.core.paginator import Paginator
from django.db.models import Model, Q

from cms.models.entry import READERS, Entry, Kind
from cms.models.taxonomies import AgeGroup, Region, Sector, Topic

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
class Results:
    """What `/directory/` shows."""

    query: str
    facets: list[Facet]
    page: ResultPage

    @property
    def narrowed(self) -> bool:
        return bool(self.query or any(facet.chosen for facet in self.facets))

    @property
    def address(self) -> str:
        """The filters as a query string without the page number, for links to other pages of results."""
        chosen = {facet.name: facet.chosen for facet in self.facets if facet.chosen}
        return urlencode({"q": self.query, **chosen} if self.query else chosen)


def search_directory(params: Mapping[str, Any]) -> Results:
    """Find live entries. `params` are the address's own words: q, kind, sector, topic, region, age, reader, page.

    Unknown values are ignored and a page beyond the end shows the last, so that any address gives a clean page.
    A region also finds national entries, and a sector also those for everyone: both are of use there.
    """
    query = " ".join(str(params.get("q", "")).replace("\0", "").split())[:MAX_QUERY]
    entries = Entry.objects.live().with_terms()
    if query:
        entries = entries.filter(
            Q(title__icontains=query) | Q(summary__icontains=query) | Q(publisher__icontains=query)
        )

    facets = [
        _facet("kind", "Kind", list(Kind.choices), params),
        _facet("sector", "Sector", _terms(Sector), params),
        _facet("region", "Region", _terms(Region), params),
        _facet("topic", "Topic", _terms(Topic), params),
        _facet("age", "Age group", _terms(AgeGroup), params),
        _facet("reader", "Reader", READERS, params),
    ]
    chosen = {facet.name: facet.chosen for facet in facets if facet.chosen}
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
    entries = entries.order_by("-first_published_at", "-pk")
    return Results(query, facets, Paginator(entries, PER_PAGE).get_page(params.get("page")))


def _terms(model: type[Model]) -> list[tuple[str, str]]:
    return list(model._default_manager.values_list("slug", "name"))


def _facet(name: str, label: str, choices: list[tuple[str, str]], params: Mapping[str, Any]) -> Facet:
    asked = str(params.get(name, ""))
    return Facet(name, label, choices, asked if asked in dict(choices) else "")
