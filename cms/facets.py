"""What a search asks for: words and facets, read from an address, and the entries that match them.

Within a facet any of the chosen values will do, across facets all must be met. A region also finds national entries, a
sector and an age also those for everyone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import CharField, F, Q, QuerySet, Value

from cms.matching import found_by
from cms.models.entry import READERS, Entry, Kind
from cms.models.search import SearchFacets
from cms.models.taxonomies import AgeGroup, Region, Sector, Topic
from cms.querysets import EntryQuerySet

MAX_QUERY = 200  # characters; nobody types more, robots do
MOST_VALUES = 100  # of one parameter that are looked at
COLUMNS = {
    "kind": "kind",
    "sector": "sectors",
    "region": "regions",
    "topic": "topics",
    "age": "age_groups",
    "reader": "reader",
}
TAXONOMIES = {"sector": Sector, "region": Region, "topic": Topic, "age": AgeGroup}
FOR_ALL = {"sector", "region", "age"}  # no term means: for everyone, everywhere, all ages

Vocabulary = Sequence[tuple[str, str, list[tuple[str, str]]]]


@dataclass(frozen=True)
class Facet:
    """One way to narrow the list: its name in the address, its label, its choices and what is chosen of them."""

    name: str
    label: str
    choices: list[tuple[str, str]]
    chosen: tuple[str, ...]

    @property
    def labels(self) -> list[str]:
        """What is chosen, as people read it."""
        return [label for value, label in self.choices if value in self.chosen]

    def condition(self) -> Q:
        """What a row of SearchFacets must meet to have any of the chosen values."""
        column = COLUMNS[self.name]
        if self.name not in TAXONOMIES:
            return Q(**{f"{column}__in": self.chosen})
        wanted = Q(**{column: ""}) if self.name in FOR_ALL else Q()
        for value in self.chosen:
            wanted |= Q(**{f"{column}__contains": f" {value} "})
        return wanted


@dataclass(frozen=True)
class Filters:
    """What a search asks for, in words that are known today."""

    query: str
    facets: list[Facet]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The words of the address, in the order in which facets are shown, without those that say nothing."""
        chosen = [(facet.name, value) for facet in self.facets for value in facet.chosen]
        return [("q", self.query), *chosen] if self.query else chosen

    @property
    def canonical(self) -> str:
        """The one query string of this search, sorted: two that ask the same have the same."""
        return urlencode(sorted(self.pairs))

    @property
    def words(self) -> str:
        """The search as people read it: “visits, Support service or Training, London”. Empty when nothing is asked."""
        labels = [" or ".join(facet.labels) for facet in self.facets if facet.chosen]
        return ", ".join([self.query, *labels] if self.query else labels)

    @property
    def chosen(self) -> list[Facet]:
        """The facets of which something is chosen."""
        return [facet for facet in self.facets if facet.chosen]

    @property
    def number(self) -> int:
        """How many values are chosen, of all facets together."""
        return sum(len(facet.chosen) for facet in self.facets)

    def without(self, name: str, value: str = "") -> "Filters":
        """The same search without a facet, without one value of it, or (`q`) without its words."""
        if name == "q":
            return replace(self, query="")
        kept = [
            replace(facet, chosen=tuple(one for one in facet.chosen if value and one != value))
            if facet.name == name
            else facet
            for facet in self.facets
        ]
        return replace(self, facets=kept)

    def narrow(self, entries: EntryQuerySet) -> EntryQuerySet:
        """Those of these entries that match; none that is not live. May be combined with any other query."""
        if not self.pairs:
            return entries
        matching: QuerySet[SearchFacets] = SearchFacets.objects.filter(*[facet.condition() for facet in self.chosen])
        if self.query:
            matching = matching.filter(found_by(self.query))
        return entries.filter(pk__in=matching.values("pk"))


def read_filters(params: Mapping[str, Any], vocabulary: Vocabulary | None = None) -> Filters:
    """Understand the words of an address: a QueryDict, or a dict of texts or lists of texts. Unknown ones are dropped.

    Whoever reads many hands the vocabulary in, so that it is loaded once.
    """
    query = " ".join((_values(params, "q") or [""])[-1].replace("\0", "").split())[:MAX_QUERY]
    facets = []
    for name, label, choices in vocabulary or load_vocabulary():
        asked = set(_values(params, name))
        facets.append(Facet(name, label, choices, tuple(value for value, _ in choices if value in asked)))
    return Filters(query.strip(), facets)


def load_vocabulary() -> Vocabulary:
    """Each facet's name, label and choices, in the order in which they are shown (one query)."""
    return as_vocabulary(load_terms())


Terms = dict[str, list[dict[str, Any]]]  # by facet; each with pk, slug, name, order, short_name


def load_terms() -> Terms:
    """The words of all four taxonomies, in their own order (one query)."""
    columns = ("facet", "pk", "slug", "name", "order", "short")
    parts = [
        model._default_manager.order_by()
        .annotate(facet=Value(name), short=F("short_name") if model is Sector else Value("", CharField()))
        .values(*columns)
        for name, model in TAXONOMIES.items()
    ]
    terms: Terms = {name: [] for name in TAXONOMIES}
    for row in sorted(parts[0].union(*parts[1:], all=True), key=lambda row: (row["order"], row["name"])):
        terms[row["facet"]].append(row)
    return terms


def as_vocabulary(terms: Terms) -> Vocabulary:
    """The terms as facets to choose from, with kinds and readers."""
    words = {name: [(row["slug"], row["name"]) for row in rows] for name, rows in terms.items()}
    return [
        ("kind", "Kind", list(Kind.choices)),
        ("sector", "Sector", words["sector"]),
        ("region", "Region", words["region"]),
        ("topic", "Topic", words["topic"]),
        ("age", "Age group", words["age"]),
        ("reader", "Reader", READERS),
    ]


def give_terms(entries: Sequence[Entry], terms: Terms) -> None:
    """Let entries, fetched with their `search_facets`, know their terms without a query for each taxonomy."""
    known = {name: {row["slug"]: _term(model, row) for row in terms[name]} for name, model in TAXONOMIES.items()}
    for entry in entries:
        # Where modelcluster keeps terms that are in memory; `entry.sectors.set(…)` would first ask the database.
        entry._cluster_related_objects = {}
        for name, words in known.items():
            slugs = set(getattr(entry.search_facets, COLUMNS[name]).split())
            entry._cluster_related_objects[COLUMNS[name]] = [term for slug, term in words.items() if slug in slugs]


def _term(model: Any, row: dict[str, Any]) -> Any:
    own = {"short_name": row["short"]} if model is Sector else {}
    return model(pk=row["pk"], slug=row["slug"], name=row["name"], order=row["order"], **own)


def _values(params: Mapping[str, Any], name: str) -> list[str]:
    found = params.getlist(name) if hasattr(params, "getlist") else params.get(name, [])
    return [str(value) for value in (found if isinstance(found, list | tuple) else [found])][-MOST_VALUES:]
