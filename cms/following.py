"""How somebody follows what is new with a program of their own: the feeds that fit a search, and all there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from cms.facets import Facet, Filters, Vocabulary
from cms.models.entry import Kind

FED = ("kind", "sector")  # the facets whose values have feeds of their own


@dataclass(frozen=True)
class FeedLink:
    """The two addresses of a feed, and what it is about in words: empty for the whole directory."""

    about: str
    rss: str
    atom: str
    kind: str = ""  # where it is of one kind

    @property
    def title(self) -> str:
        return f"New in the directory: {self.about}" if self.about else "New in the directory"


@dataclass(frozen=True)
class Following:
    """What to offer below the results of a search. `own` are feeds of what is chosen; else there is the whole one."""

    own: tuple[FeedLink, ...]
    events: bool  # whether it is events that somebody looks for

    @property
    def feeds(self) -> tuple[FeedLink, ...]:
        return self.own or (whole_feed(),)


def following(filters: Filters) -> Following:
    """The feed of the one kind and that of the one sector that are chosen. No query."""
    fed = [facet for facet in filters.chosen if facet.name in FED and len(facet.chosen) == 1]
    events = any(facet.name == "kind" and Kind.EVENT in facet.chosen for facet in filters.chosen)
    return Following(tuple(_of(facet, facet.chosen)[0] for facet in fed), events)


def whole_feed() -> FeedLink:
    return FeedLink("", reverse("directory_feed"), reverse("directory_feed_atom"))


def feeds_by_facet(vocabulary: Vocabulary) -> dict[str, list[FeedLink]]:
    """Every feed of a kind, and every one of a sector, in the order in which the directory shows them."""
    facets = [Facet(name, label, choices, ()) for name, label, choices in vocabulary if name in FED]
    return {facet.name: _of(facet, [value for value, _ in facet.choices]) for facet in facets}


def _of(facet: Facet, values: Sequence[str]) -> list[FeedLink]:
    name = f"{facet.name}_feed"
    return [
        FeedLink(
            label,
            rss=reverse(name, args=[value]),
            atom=reverse(f"{name}_atom", args=[value]),
            kind=value if facet.name == "kind" else "",
        )
        for value, label in facet.choices
        if value in values
    ]
