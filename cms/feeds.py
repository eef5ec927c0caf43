"""RSS 2.0 and Atom 1.0 of the directory: what is new, altogether, of one kind or for one sector."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.formats import date_format

from cms.models import Entry, Kind, Sector
from cms.open_data import open_entries, plain

IN_FEED = 50  # entries
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # an empty feed was never updated; “now” would be news at every reading


@dataclass(frozen=True)
class Channel:
    """What one feed is about: its title, its page on the site, its own name for `reverse`, and its entries."""

    title: str
    description: str
    page: str
    name: str
    arguments: tuple[str, ...]
    entries: list[Entry]

    def feed_path(self, *, atom: bool) -> str:
        return reverse(f"{self.name}_atom" if atom else self.name, args=self.arguments)


class _Dated:
    items: list[dict[str, object]]

    def latest_post_date(self) -> datetime:
        return super().latest_post_date() if self.items else LONG_AGO  # type: ignore[misc]


class Rss(_Dated, Rss201rev2Feed):
    """RSS whose entries are known by an id that is no address."""


class Atom(_Dated, Atom1Feed):
    """The same as Atom."""


def whole_directory() -> Channel:
    return Channel(
        title="i-HOP directory",
        description="What is new for professionals who work with the children and families of offenders.",
        page="/directory/",
        name="directory_feed",
        arguments=(),
        entries=_newest(Q()),
    )


def of_kind(kind: str) -> Channel | None:
    """The channel of one kind; None if there is no such kind."""
    if kind not in Kind.values:
        return None
    label = str(Kind(kind).label)
    return Channel(
        title=f"i-HOP directory: {label}",
        description=f"What is new of the kind “{label}”, for professionals who work with offenders’ families.",
        page=f"/directory/?kind={kind}",
        name="kind_feed",
        arguments=(kind,),
        entries=_newest(Q(kind=kind)),
    )


def of_sector(slug: str) -> Channel | None:
    """The channel for one sector: its own entries and those for everyone; None if there is no such sector."""
    if "\0" in slug:  # PostgreSQL takes it in no query
        return None
    sector = Sector.objects.filter(slug=slug).first()
    if not sector:
        return None
    return Channel(
        title=f"i-HOP directory: {plain(sector.name)}",
        description=f"What is new for “{plain(sector.name)}”, and for everyone who works with offenders’ families.",
        page=f"/directory/?sector={sector.slug}",
        name="sector_feed",
        arguments=(sector.slug,),
        entries=_newest(Q(sectors=sector) | Q(sectors=None)),
    )


def published(entry: Entry) -> datetime:
    return entry.first_published_at or entry.last_published_at or LONG_AGO


def updated(entry: Entry) -> datetime:
    return entry.last_published_at or published(entry)


def words_about(entry: Entry) -> str:
    """The summary, after the day of an event or the deadline of a fund."""
    lead = {Kind.EVENT.value: "", Kind.FUNDING.value: "Apply by "}.get(entry.kind)
    day = f"{lead}{date_format(entry.key_date, 'l j F Y')}. " if entry.key_date and lead is not None else ""
    return day + plain(entry.summary)


def categories(entry: Entry) -> list[str]:
    terms = [*entry.sectors.all(), *entry.regions.all(), *entry.topics.all()]
    return [str(entry.get_kind_display()), *(plain(term.name) for term in terms)]


def _newest(which: Q) -> list[Entry]:
    found = open_entries().filter(which).prefetch_related("sectors", "regions", "topics")
    return list(found.order_by("-first_published_at", "-pk")[:IN_FEED])
