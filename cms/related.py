"""What else a reader of one entry may need: entries that share its topics, sectors, regions and kind."""

from datetime import date

from django.db.models import Count

from cms.glancing import Terms
from cms.models.entry import Entry
from cms.open_data import open_entries
from cms.querysets import EntryQuerySet

MOST = 4
# So many of those that share most topics (or are newest, when there are none) are compared closely.
CANDIDATES = 80
TOPIC, REGION, SECTOR, KIND, NATIONAL = 6, 4, 2, 2, 1


def related_entries(entry: Entry, *, terms: Terms, today: date) -> list[Entry]:
    """At most four open entries, best first, that are neither past nor due for checking, with sectors and regions.

    Always the same for the same directory; five queries, however large it is.
    """
    opened = open_entries()
    shared = _candidates(entry, terms, opened)
    ranked = sorted(
        opened.filter(pk__in=shared).current(today).with_terms(),
        key=lambda other: (-_closeness(entry, other, shared[other.pk], terms), -other.pk),
    )
    return ranked[:MOST]


def _candidates(entry: Entry, terms: Terms, opened: EntryQuerySet) -> dict[int, int]:
    """How many topics each candidate shares, by its number: counted where the topics are, without the pages."""
    if not terms.topics:
        newest = opened.filter(kind=entry.kind).exclude(pk=entry.pk).order_by("-pk")
        return dict.fromkeys(newest.values_list("pk", flat=True)[:CANDIDATES], 0)
    tagged = Entry.topics.through.objects.filter(topic__in=terms.topics).exclude(entry=entry.pk)
    counted = tagged.values_list("entry").annotate(shared=Count("pk"))
    return dict(counted.order_by("-shared", "-entry")[:CANDIDATES])


def _closeness(entry: Entry, other: Entry, topics: int, terms: Terms) -> int:
    regions = {region.pk for region in other.regions.all()}
    shares_region = regions & {region.pk for region in terms.regions}
    near = REGION if shares_region else 0 if regions else NATIONAL
    sectors = len({sector.pk for sector in other.sectors.all()} & {sector.pk for sector in terms.sectors})
    return TOPIC * topics + near + SECTOR * min(sectors, 2) + (KIND if other.kind == entry.kind else 0)
