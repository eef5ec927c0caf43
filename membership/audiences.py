"""Working out which audience each subscription belongs to, in batches."""

from collections.abc import Iterable
from urllib.parse import quote

from django.db import transaction
from django.db.models import Prefetch

from membership.models import Audience, Member, SavedSearch, Subscription

BATCH = 1000
# Characters of an audience's key that saved searches may take up, so that it always fits (Audience.key).
SEARCH_ROOM = 1200
NEWS_SEARCHES = Prefetch(
    "member__saved_searches", SavedSearch.objects.filter(in_news=True).order_by("pk"), to_attr="news_searches"
)


def assign_audiences() -> int:
    """Give every subscription without an audience its own; return how many there were.

    Six queries per thousand subscriptions, whatever their number. A change of sectors, region, kinds, frequency or
    saved searches takes the audience away (`receivers.py`), so normally there are few.
    """
    assigned = 0
    while found := _assign_batch():
        assigned += found
    return assigned


@transaction.atomic
def _assign_batch() -> int:
    """The rows are held meanwhile: who changes a choice in this very moment takes the audience away afterwards."""
    waiting = Subscription.objects.without_audience().select_for_update(of=("self",)).select_related("member")
    batch = list(waiting.prefetch_related("member__sectors", NEWS_SEARCHES)[:BATCH])
    if not batch:
        return 0
    keys = {
        subscription: _key(subscription, [search.query for search in subscription.member.news_searches])  # type: ignore[attr-defined]
        for subscription in batch
    }
    audiences = audiences_by_key(set(keys.values()))
    for subscription, key in keys.items():
        subscription.audience = audiences[key]
    Subscription.objects.bulk_update(batch, ["audience"], batch_size=250)
    return len(batch)


def audiences_by_key(keys: set[str]) -> dict[str, Audience]:
    """Return the audiences with these keys, making those that are missing. Safe when two do it at once."""
    Audience.objects.bulk_create([Audience(key=key) for key in sorted(keys)], ignore_conflicts=True)
    return {audience.key: audience for audience in Audience.objects.filter(key__in=keys)}


def audience_of(subscription: Subscription) -> Audience:
    """The audience of a subscription as it is now, not saved (two queries): for previews."""
    return Audience(key=_key(subscription, news_searches(subscription.member)))


def audience_for(
    *, member: Member, sectors: Iterable[int], region: int | None, kinds: Iterable[str], quarterly: bool
) -> Audience:
    """The audience that a member would belong to with other choices, not saved (one query)."""
    searches = fitting(news_searches(member))
    key = Audience.make_key(sectors=sectors, region=region, kinds=kinds, quarterly=quarterly, searches=searches)
    return Audience(key=key)


def news_searches(member: Member) -> list[str]:
    """The query strings of the saved searches that add to a member's e-news, the first saved first."""
    return list(member.saved_searches.filter(in_news=True).order_by("pk").values_list("query", flat=True))


def fitting(searches: Iterable[str]) -> list[str]:
    """As many searches, from the first, as an audience's key has room for (`saving.py` sees to it that it is all)."""
    kept, room = [], SEARCH_ROOM
    for search in searches:
        room -= len(quote(search, safe="")) + 1
        if room < 0:
            break
        kept.append(search)
    return kept


def _key(subscription: Subscription, searches: Iterable[str]) -> str:
    return Audience.make_key(
        sectors=[sector.pk for sector in subscription.member.sectors.all()],
        region=subscription.member.region_id,
        kinds=subscription.kinds,
        quarterly=subscription.frequency == Subscription.Frequency.QUARTERLY,
        searches=fitting(searches),
    )
