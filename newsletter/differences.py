"""What has changed in an issue's editions since somebody looked: a small copy of who gets what, and how two differ."""

import hashlib
import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from membership.models import Audience, User
from newsletter.content import ItemContent
from newsletter.editions import IssueEditions
from newsletter.models import Issue, SeenEditions
from newsletter.readership import Crowd

SHOWN = 60  # changed editions that are listed one by one
NOT_WORDS = {"number", "pinned", "reason_line"}  # of an item, what is no part of its own words


@dataclass(frozen=True)
class ItemChanges:
    """What became of the issue's items, by headline. `moved` are those that must move to get from one order to the
    other, leaving aside what was added and taken out."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    reworded: tuple[str, ...]
    pinned: tuple[str, ...]
    unpinned: tuple[str, ...]
    moved: tuple[str, ...]

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.reworded, self.pinned, self.unpinned, self.moved))


@dataclass(frozen=True)
class EditionChange:
    """One edition that is no longer what it was: the headlines that came, went and say something else."""

    audience: int  # one that gets it
    audiences: int
    members: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reworded: tuple[str, ...]
    reordered: bool
    more_before: int
    more_now: int
    items_now: int

    @property
    def others(self) -> int:
        """Audiences besides the one that stands for them."""
        return self.audiences - 1


@dataclass(frozen=True)
class Difference:
    """How the editions differ; those that reach most members first, `rest` beyond the first `SHOWN` only counted."""

    items: ItemChanges
    opening: bool  # subject, preheader, introduction or announcements: in every edition
    editions: int
    audiences: int
    members: int
    changes: tuple[EditionChange, ...]
    rest: int
    rest_members: int
    new_audiences: int  # nobody had chosen so then: no change of the issue
    new_members: int

    def __bool__(self) -> bool:
        return bool(self.items or self.opening or self.editions)


def take(editions: IssueEditions, audiences: Iterable[Audience]) -> dict[str, Any]:
    """A small copy of who gets what, fit for JSON.

    `items` holds, by the id of its page, each item's hash of words, headline and whether it is pinned, in the editor's
    order; `lists` every distinct list of pages, its last number being how many were cut; `audiences` the place in
    `lists` of what each gets.
    """
    audiences = list(audiences)
    editions.prepare(audiences)
    pages = {place: item.page_id for place, item in editions.items.items()}
    lists: dict[tuple[int, ...], int] = {}
    of_audience = {}
    for audience in audiences:
        choice = editions.choose(audience)
        chosen = (*(pages[place] for place in choice.items), choice.more)
        of_audience[str(audience.pk)] = lists.setdefault(chosen, len(lists))
    return {
        "items": [
            [pages[item.number], _words(item), item.headline, item.pinned, item.number in editions.own]
            for item in editions.numbered()
        ],
        "opening": _opening(editions.issue),
        "lists": [list(one) for one in lists],
        "audiences": of_audience,
    }


@transaction.atomic
def keep(issue: Issue, draft_editions: IssueEditions, why: str, by: User | None) -> SeenEditions:
    """Keep what today's members would get, to compare with later. Of what somebody has seen, only the latest is kept;
    approvals all are. A handful of queries, and one more for every forty different saved searches."""
    taken = take(draft_editions, Crowd.today().members)
    seen = SeenEditions.objects.create(issue=issue, by=by, why=why, editions=taken)
    if why == SeenEditions.Why.SEEN:
        SeenEditions.objects.filter(issue=issue, by=by, why=why).exclude(pk=seen.pk).delete()
    return seen


def difference(before: Mapping[str, Any], now: Mapping[str, Any], members: Mapping[int, int]) -> Difference:
    """Compare two copies. `members` says how many each audience has now; audiences that one copy lacks do not count."""
    were, are = _items(before), _items(now)
    reworded = {page for page in were.keys() & are.keys() if were[page].words != are[page].words}
    headlines = {page: one.headline for page, one in (were | are).items()}
    groups: defaultdict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = defaultdict(list)
    new = []
    for key, place in now["audiences"].items():
        if key in before["audiences"]:
            groups[tuple(before["lists"][before["audiences"][key]]), tuple(now["lists"][place])].append(int(key))
        else:
            new.append(int(key))
    changes = []
    for (old_list, new_list), audiences in groups.items():
        if old_list != new_list or reworded.intersection(new_list[:-1]):
            changes.append(_change(old_list, new_list, audiences, members, reworded, headlines))
    changes.sort(key=lambda one: (-one.members, one.audience))
    return Difference(
        items=_item_changes(were, are),
        opening=before["opening"] != now["opening"],
        editions=len(changes),
        audiences=sum(one.audiences for one in changes),
        members=sum(one.members for one in changes),
        changes=tuple(changes[:SHOWN]),
        rest=len(changes[SHOWN:]),
        rest_members=sum(one.members for one in changes[SHOWN:]),
        new_audiences=len(new),
        new_members=sum(members.get(pk, 0) for pk in new),
    )


@dataclass(frozen=True)
class _Kept:
    words: str
    headline: str
    pinned: bool
    own: bool  # the issue's own, not of the quarter's earlier ones


def _items(taken: Mapping[str, Any]) -> dict[int, _Kept]:
    return {page: _Kept(*rest) for page, *rest in taken["items"]}


def _item_changes(were: Mapping[int, _Kept], are: Mapping[int, _Kept]) -> ItemChanges:
    """Items of the quarter's earlier issues are reported only where an edition changes."""
    were, are = ({page: one for page, one in items.items() if one.own} for items in (were, are))
    both = [page for page in are if page in were]
    stayed = _stayed([page for page in were if page in are], both)

    def headlines(pages: Iterable[int]) -> tuple[str, ...]:
        return tuple((are.get(page) or were[page]).headline for page in pages)

    return ItemChanges(
        added=headlines(page for page in are if page not in were),
        removed=headlines(page for page in were if page not in are),
        reworded=headlines(page for page in both if were[page].words != are[page].words),
        pinned=headlines(page for page in both if are[page].pinned and not were[page].pinned),
        unpinned=headlines(page for page in both if were[page].pinned and not are[page].pinned),
        moved=headlines(page for page in both if page not in stayed),
    )


def _stayed(old: list[int], new: list[int]) -> set[int]:
    """Those that can be said not to have moved: the longest part of `new`, gaps allowed, in the order of `old`."""
    rank = {page: place for place, page in enumerate(old)}
    ends: list[int] = []  # the lowest rank in which a run of each length can end
    before: dict[int, int | None] = {}
    for page in new:
        length = bisect_left(ends, rank[page])
        before[page] = old[ends[length - 1]] if length else None
        ends[length:] = [rank[page], *ends[length + 1 :]]
    stayed: set[int] = set()
    last = old[ends[-1]] if ends else None
    while last is not None:
        stayed.add(last)
        last = before[last]
    return stayed


def _change(
    old_list: tuple[int, ...],
    new_list: tuple[int, ...],
    audiences: list[int],
    members: Mapping[int, int],
    reworded: set[int],
    headlines: Mapping[int, str],
) -> EditionChange:
    (*old, more_before), (*new, more_now) = old_list, new_list
    return EditionChange(
        audience=max(audiences, key=lambda pk: (members.get(pk, 0), -pk)),
        audiences=len(audiences),
        members=sum(members.get(pk, 0) for pk in audiences),
        added=tuple(headlines[page] for page in new if page not in old),
        removed=tuple(headlines[page] for page in old if page not in new),
        reworded=tuple(headlines[page] for page in new if page in old and page in reworded),
        reordered=[page for page in old if page in new] != [page for page in new if page in old],
        more_before=more_before,
        more_now=more_now,
        items_now=len(new),
    )


def _words(item: ItemContent) -> str:
    """A short hash of what an item says. What is empty does not count: a new kind of word changes no old item."""
    return _hash({name: value for name, value in asdict(item).items() if value and name not in NOT_WORDS})


def _opening(issue: Issue) -> str:
    """A short hash of what every edition says above its items."""
    announcements = issue.announcements.get_prep_value() if issue.announcements else []
    said = [issue.subject, issue.preheader, issue.introduction, *announcements]
    return _hash([one for one in said if one])


def _hash(words: Any) -> str:
    return hashlib.sha256(json.dumps(words, sort_keys=True, default=str).encode()).hexdigest()[:12]
