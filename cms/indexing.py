"""Keeping the words that the search looks at: those of open entries (`cms/open_data.py`), and of them what everybody
may read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet
from wagtail.rich_text import get_text_for_indexing

from cms.models.entry import Entry
from cms.models.kinds import CaseStudy, Event, Funding, Policy, Research, Resource, Service, Training
from cms.models.search import SearchFacets, SearchText, SearchWord
from cms.open_data import open_entries
from cms.words import as_words

AT_ONCE = 500
TAXONOMIES = ("sectors", "regions", "topics", "age_groups")
T = TypeVar("T")
COLUMNS = ("title", "summary", "organisation", "area", "body")
WORD_LENGTHS = range(4, 31)  # of words worth suggesting; shorter ones are as near to each other as to a mistake
KINDS: tuple[type[Entry], ...] = (Resource, Research, Policy, Service, CaseStudy, Training, Funding, Event)


def search_text(entry: Entry) -> SearchText:
    """The words of an entry, not saved. `entry` must be of its own kind, not the shared base.

    Of a case study only its title, its summary and its regions: those stand on the page everybody sees. Who published
    it does not, and may tell where an anonymous case comes from.
    """
    regions = " ".join(region.name for region in entry.regions.all())
    organisation, area, more = entry.publisher, regions, ""
    if isinstance(entry, CaseStudy):
        organisation = ""
    elif isinstance(entry, Service):
        area, more = f"{entry.area} {regions}", entry.who_it_helps
    elif isinstance(entry, Event):
        area = f"{entry.place} {'online ' if entry.online else ''}{regions}"
    elif isinstance(entry, Training):
        organisation = f"{entry.publisher} {entry.provider}"
    elif isinstance(entry, Funding):
        organisation = f"{entry.publisher} {entry.funder}"
    elif isinstance(entry, Research):
        more = entry.key_finding
    body = "" if isinstance(entry, CaseStudy) else f"{more} {get_text_for_indexing(entry.body)}"
    texts = zip(COLUMNS, (entry.title, entry.summary, organisation, area, body), strict=True)
    return SearchText(entry_id=entry.pk, **{column: as_words(text) for column, text in texts})


def search_facets(entry: Entry) -> SearchFacets:
    """What an entry is narrowed and sorted by, not saved. The shared base will do."""
    terms = {name: [term.slug for term in getattr(entry, name).all()] for name in TAXONOMIES}
    return SearchFacets(
        entry_id=entry.pk,
        kind=entry.kind,
        reader=entry.reader,
        title=as_words(entry.title)[:255],
        published_at=entry.first_published_at,
        key_date=entry.key_date,
        **{name: f" {' '.join(slugs)} " if slugs else "" for name, slugs in terms.items()},
    )


@transaction.atomic
def index_entry(entry: Entry) -> None:
    """Bring the search up to date with one entry and its terms as they are in memory. One that is not open is not
    found."""
    if not entry.live or not open_entries().filter(pk=entry.pk).exists():
        _forget([entry.pk])
        return
    _save([search_text(entry if type(entry) in KINDS else entry.specific)], [search_facets(entry)])


def index_entries(entries: QuerySet[Entry] | None = None, progress: Callable[[int], None] | None = None) -> int:
    """Write what the search knows of these entries, or of all, anew; return how many are open. Safe at any time, and
    repeatable.

    For all of them, words that no entry holds any more are taken out of the suggestions, too.
    """
    everything = entries is None
    ids = set(Entry.objects.values_list("pk", flat=True) if entries is None else entries.values_list("pk", flat=True))
    opened = dict(open_entries().filter(pk__in=ids).values_list("pk", "kind"))
    for model in KINDS:
        own = [pk for pk, kind in opened.items() if kind == model.KIND]
        for chunk in _chunks(sorted(own)):
            with transaction.atomic():
                found = list(model.objects.live().filter(pk__in=chunk).prefetch_related(*TAXONOMIES))
                _save([search_text(entry) for entry in found], [search_facets(entry) for entry in found])
            if progress:
                progress(len(chunk))
    for chunk in _chunks(ids - opened.keys()):
        _forget(chunk)
    if everything:
        _forget_words()
    return len(opened)


def _save(texts: list[SearchText], facets: list[SearchFacets]) -> None:
    SearchText.objects.bulk_create(texts, update_conflicts=True, unique_fields=["entry"], update_fields=COLUMNS)
    columns = [field.name for field in SearchFacets._meta.concrete_fields if not field.primary_key]
    SearchFacets.objects.bulk_create(facets, update_conflicts=True, unique_fields=["entry"], update_fields=columns)
    words = {word for text in texts for word in _suggestable(text)}
    SearchWord.objects.bulk_create([SearchWord(word=word) for word in sorted(words)], ignore_conflicts=True)


def _forget(ids: Sequence[int]) -> None:
    for model in (SearchText, SearchFacets):
        model.objects.filter(pk__in=ids).delete()


def _suggestable(text: SearchText) -> set[str]:
    return {
        word
        for column in COLUMNS
        for word in getattr(text, column).split()
        if len(word) in WORD_LENGTHS and not any(letter.isdigit() for letter in word)
    }


def _forget_words() -> None:
    held: set[str] = set()
    for text in SearchText.objects.iterator(AT_ONCE):
        held |= _suggestable(text)
    gone = set(SearchWord.objects.values_list("word", flat=True)) - held
    for chunk in _chunks(gone):
        SearchWord.objects.filter(pk__in=chunk).delete()


def _chunks(things: Iterable[T]) -> Iterator[list[T]]:
    left = iter(things)
    while chunk := list(islice(left, AT_ONCE)):
        yield chunk
