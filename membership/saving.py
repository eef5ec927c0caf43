"""What members keep: entries to find again, and searches that may add to their e-news."""

from typing import TYPE_CHECKING, TypedDict
from urllib.parse import parse_qs, quote

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.text import Truncator

from cms.directory import Filters, read_filters
from cms.models import Entry
from cms.open_data import open_entries
from membership.audiences import SEARCH_ROOM, news_searches
from membership.models import Member, SavedEntry, SavedSearch

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

MOST_ENTRIES = 200  # that one member keeps
MOST_SEARCHES = 20
LONGEST_QUERY = 300  # characters of the address (SavedSearch.query)
TITLE = 80


class SavingError(ValueError):
    """This cannot be kept: one sentence that tells the member why, and what to do."""


class Opened(TypedDict):
    """What `saved_entries` says of each besides."""

    open: bool


def saved_entries(member: Member) -> "QuerySet[WithAnnotations[SavedEntry, Opened]]":
    """What a member has saved, each with its entry and whether everybody may still know of it (`open`): one that was
    put behind page privacy since is named no more than one that is gone. Two queries."""
    opened = Exists(open_entries().filter(pk=OuterRef("entry")))
    return member.saved_entries.select_related("entry").annotate(open=opened)


@transaction.atomic
def save_entry(*, member: Member, entry: Entry) -> SavedEntry:
    """Keep an entry for a member. May be called twice."""
    _lock(member)
    known = SavedEntry.objects.filter(member=member, entry=entry).first()
    if known:
        return known
    if member.saved_entries.count() >= MOST_ENTRIES:
        raise SavingError(f"You have saved {MOST_ENTRIES} entries, which is as many as we keep: remove one first.")
    return SavedEntry.objects.create(member=member, entry=entry)


def forget_entry(*, member: Member, entry: int) -> bool:
    """Take an entry from a member's list. Returns whether it was there."""
    return bool(SavedEntry.objects.filter(member=member, entry=entry).delete()[0])


@transaction.atomic
def save_search(*, member: Member, address: str, in_news: bool) -> SavedSearch:
    """Keep a search of the directory, given as its query string. One that is known already keeps its switch."""
    filters = understand(address)
    query = filters.canonical
    if not query:
        raise SavingError("Look for something first: a search needs words, or one of the choices.")
    if len(query) > LONGEST_QUERY:
        raise SavingError("This search is too long to be saved: use fewer words, or fewer of the choices.")
    _lock(member)
    known = member.saved_searches.filter(query=query).first()
    if known:
        return known
    if member.saved_searches.count() >= MOST_SEARCHES:
        raise SavingError(f"You have saved {MOST_SEARCHES} searches, which is as many as we keep: delete one first.")
    if in_news:
        _require_room(member, query)
    title = Truncator(filters.words).chars(TITLE)
    return SavedSearch.objects.create(member=member, query=query, title=title, in_news=in_news)


@transaction.atomic
def switch_search(*, member: Member, search: int, in_news: bool) -> SavedSearch | None:
    """Say whether a search adds to the e-news. None when it is not this member's."""
    _lock(member)
    found = member.saved_searches.filter(pk=search).first()
    if found and found.in_news != in_news:
        if in_news:
            _require_room(member, found.query)
        found.in_news = in_news
        found.save(update_fields=["in_news"])
    return found


def delete_search(*, member: Member, search: int) -> bool:
    """Delete a search. Returns whether it was there."""
    found = member.saved_searches.filter(pk=search).first()
    if found:
        found.delete()
    return bool(found)


def understand(address: str) -> Filters:
    """Read a query string as the directory does: unknown words are dropped."""
    return read_filters(parse_qs(address[:2000]))


def _require_room(member: Member, query: str) -> None:
    taken = sum(len(quote(search, safe="")) + 1 for search in [*news_searches(member), query])
    if taken > SEARCH_ROOM:
        raise SavingError("Your saved searches are too many for one e-news: switch another one off first.")


def _lock(member: Member) -> None:
    """One change at a time, so that a double click cannot pass a limit."""
    Member.objects.select_for_update().filter(pk=member.pk).first()
