"""Who gets what: members who would get nothing, sectors and items that are left over."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count

from membership.models import Audience, Subscription
from newsletter.choosing import Choice
from newsletter.inspections.draft import Draft
from newsletter.inspections.findings import Finding, Level

SEARCHES_ASKED = 20  # saved searches, each a query, that are asked for those whom nothing else reaches


@dataclass(frozen=True)
class Reach:
    """What the choices of all active members bring them. `waiting` counts those who wait for the quarter's issue."""

    choices: tuple[Choice, ...]  # the distinct ones that hold something
    members: int
    empty: int
    waiting: int


def reach(draft: Draft) -> Reach:
    """Ask the edition rule for every choice that active members made: one query for their numbers, however many."""
    counted = Subscription.objects.entitled().filter(audience__isnull=False)
    plain: Counter[str] = Counter()
    searching: dict[str, list[tuple[str, int]]] = {}
    for key, number in counted.values_list("audience__key").annotate(Count("pk")).order_by():
        without = _without_searches(key)
        plain[without] += number
        if without != key:
            searching.setdefault(without, []).append((key, number))
    choices: dict[Choice, None] = {}
    empty = waiting = 0
    for key, number in sorted(plain.items()):
        audience = Audience(key=key)
        if audience.quarterly and not draft.issue.month.ends_quarter:
            waiting += number
            continue
        choice = draft.editions.choose(audience)
        if choice.items:
            choices[choice] = None
        else:
            empty += number - _found_by_search(draft, searching.get(key, []))
    return Reach(tuple(choices), plain.total(), empty, waiting)


def look(draft: Draft, found: Reach) -> Iterator[Finding]:
    if draft.issue.is_correction or not draft.editions.items:
        return
    if found.empty:
        who = f"{found.empty:,} active members get" if found.empty > 1 else "One active member gets"
        sentence = f"{who} nothing this month: add something for everyone, or accept that they get no mail."
        yield Finding("members-without", Level.WARNING, sentence, "members", says="some")
    if found.waiting:
        who = f"{found.waiting:,} members wait" if found.waiting > 1 else "One member waits"
        sentence = f"{who} for the quarter’s issue of {draft.issue.month.quarter_end.title}, as they chose."
        yield Finding("members-quarterly", Level.NOTE, sentence, "members")
    yield from _left_over_sectors(draft)
    yield from _left_over_items(draft, found)


def _left_over_sectors(draft: Draft) -> Iterator[Finding]:
    editions = draft.editions
    served = {sector for place in editions.own for sector in editions.candidates[place].sectors}
    names = [name for pk, name in editions.sector_names.items() if pk not in served]
    if names:
        sentence = f"Nothing of their own: {', '.join(names)}. They get what is for everyone."
        yield Finding("sectors-without", Level.NOTE, sentence, "sectors")


def _left_over_items(draft: Draft, found: Reach) -> Iterator[Finding]:
    """Items in no edition; only where there are members to judge by."""
    if not found.choices and not found.empty:
        return
    carried = {place for choice in found.choices for place in choice.items}
    by_page = {one.item.page_id: one for one in draft.carried}
    for place in draft.editions.own:
        one = by_page.get(draft.editions.items[place].page_id)
        if place not in carried and one:
            sentence = (
                f"{one.name} reaches nobody: no member chose its kind, sectors and region, or it is cut off each time. "
                "Pin it, widen it, or leave it for another month."
            )
            yield one.finding("item-without-readers", Level.WARNING, sentence)


def _without_searches(key: str) -> str:
    return key[: key.index(";q") + 2]


def _found_by_search(draft: Draft, audiences: list[tuple[str, int]]) -> int:
    """Members who get something through a saved search alone. The number of searches asked is bounded."""
    return sum(number for key, number in audiences[:SEARCHES_ASKED] if draft.editions.choose(Audience(key=key)).items)
