"""Who reads an issue: today's members by audience, and the editions they would get, or did get once it was frozen."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Count, Min
from django.utils.formats import date_format

from membership.models import Audience, Member, Subscription, Suppression, User
from newsletter.choosing import Choice
from newsletter.editions import IssueEditions, quarterly_limit
from newsletter.models import Delivery, Edition, EditionAudience, EditionItem, Issue

SHOWN = 60  # editions that are listed one by one; the others are summed up
OF_AUDIENCE = ("audience", "audience__key")
NOT_FOR_THEM = "nothing in this issue is for them"


class Fill(StrEnum):
    """How full an edition is."""

    EMPTY = "empty"
    ROOM = "room"
    FULL = "full"
    CUT = "cut"

    @classmethod
    def of(cls, items: int, more: int, limit: int) -> "Fill":
        if not items:
            return cls.EMPTY
        return cls.CUT if more else cls.FULL if items >= limit else cls.ROOM


@dataclass(frozen=True)
class Crowd:
    """Members who would be mailed today, by audience, the largest first."""

    members: dict[Audience, int]
    waiting: int = 0  # whose choices have just changed: freezing works out their audience first

    @classmethod
    def today(cls) -> "Crowd":
        """Count `Subscription.objects.entitled()`, in two queries: all who are active, and of those the suppressed.

        Asking of every single member whether they are suppressed takes three times as long.
        """
        active = Subscription.objects.active().order_by()
        counts = {(pk, key): count for pk, key, count in active.values_list(*OF_AUDIENCE).annotate(Count("pk"))}
        hashes = Suppression.objects.values("address_hash")
        suppressed = Member.objects.filter(user__in=User.objects.filter(address_hash__in=hashes))
        of_those = active.filter(member__in=suppressed).values_list(*OF_AUDIENCE)
        for pk, key, count in of_those.annotate(Count("pk")):
            counts[pk, key] -= count
        ordered = sorted(counts.items(), key=lambda row: (-row[1], row[0][0] or 0))
        members = {Audience(pk=pk, key=key): count for (pk, key), count in ordered if pk and count > 0}
        return cls(members, counts.get((None, None), 0))

    @property
    def by_audience(self) -> dict[int, int]:
        """The numbers by the id of their audience."""
        return {audience.pk: count for audience, count in self.members.items()}


@dataclass(frozen=True)
class EditionRow:
    """One edition: who gets it, and what it holds. `audience` is one of its audiences, for a preview."""

    label: str
    audience: int | None
    audiences: int
    members: int
    more: int
    fill: Fill
    headlines: tuple[str, ...]

    @property
    def others(self) -> int:
        """Audiences that the label does not name."""
        return max(0, self.audiences - 1)


@dataclass(frozen=True)
class Readership:
    """The editions, those that reach most members first, and who gets none. `rest` are those beyond `SHOWN`."""

    editions: tuple[EditionRow, ...]
    count: int
    reached: int
    nothing: tuple[tuple[str, int], ...]  # why, and how many members
    rest: int = 0
    rest_members: int = 0
    waiting: int = 0

    @property
    def without(self) -> int:
        """Members who get nothing."""
        return sum(count for _, count in self.nothing)

    @property
    def largest(self) -> int:
        """The members that the longest bar stands for."""
        numbers = [row.members for row in self.editions] + [count for _, count in self.nothing]
        return max([self.rest_members, *numbers], default=0)


def foresee(editions: IssueEditions, crowd: Crowd) -> Readership:
    """The editions that freezing would make for today's members. Call `editions.prepare` with the audiences before."""
    groups: defaultdict[Choice, list[Audience]] = defaultdict(list)
    members: Counter[Choice] = Counter()
    nothing: Counter[str] = Counter()
    month = editions.issue.month
    later = f"quarterly: next issue in {date_format(month.quarter_end.first_day, 'F')}"
    for audience, count in crowd.members.items():
        choice = editions.choose(audience)
        if choice.items:
            groups[choice].append(audience)
            members[choice] += count
        else:
            nothing[later if audience.quarterly and not month.ends_quarter else NOT_FOR_THEM] += count
    headlines = {item.number: item.headline for item in editions.numbered()}
    ordered = members.most_common()
    rows = [
        _row(groups[choice], editions, [headlines[place] for place in choice.items], choice.more, count)
        for choice, count in ordered[:SHOWN]
    ]
    return Readership(
        editions=tuple(rows),
        count=len(ordered),
        reached=members.total(),
        nothing=tuple(nothing.most_common()),
        rest=len(ordered) - len(rows),
        rest_members=sum(count for _, count in ordered[SHOWN:]),
        waiting=crowd.waiting,
    )


def _row(
    audiences: list[Audience], editions: IssueEditions, headlines: list[str], more: int, members: int
) -> EditionRow:
    first = audiences[0]
    limit = quarterly_limit(editions.limit) if first.quarterly else editions.limit
    return EditionRow(
        label=editions.label(first),
        audience=first.pk,
        audiences=len(audiences),
        members=members,
        more=more,
        fill=Fill.of(len(headlines), more, limit),
        headlines=tuple(headlines),
    )


def look_back(issue: Issue, limit: int) -> Readership:
    """The editions of a frozen issue and what the ledger says of them, in six queries. `limit` is the approved one.

    Reached is whoever is not `skipped`: a few of them may have been refused or be in doubt, as the certificate says.
    """
    deliveries = Delivery.objects.filter(issue=issue).order_by()
    reached = deliveries.exclude(state=Delivery.State.SKIPPED).values_list("edition").annotate(Count("pk"))
    members: dict[int, int] = {pk: count for pk, count in reached if pk}
    reasons = deliveries.filter(state=Delivery.State.SKIPPED).values_list("reason").annotate(Count("pk"))
    found = list(Edition.objects.filter(issue=issue).order_by("number").values_list("pk", "label", "more_count"))
    found.sort(key=lambda row: -members.get(row[0], 0))
    shown = [pk for pk, _, _ in found[:SHOWN]]
    of = EditionAudience.objects.filter(edition__in=shown).values_list("edition").order_by()
    audiences = {pk: (first, count) for pk, first, count in of.annotate(Min("audience"), Count("pk"))}
    quarterly = {
        one.pk for one in Audience.objects.filter(pk__in=[one for one, _ in audiences.values()]) if one.quarterly
    }
    headlines = _frozen_headlines(shown)
    rows = []
    for pk, label, more in found[:SHOWN]:
        first, count = audiences.get(pk, (None, 0))
        most = quarterly_limit(limit) if first in quarterly else limit
        titles = tuple(headlines[pk])
        rows.append(EditionRow(label, first, count, members.get(pk, 0), more, Fill.of(len(titles), more, most), titles))
    return Readership(
        editions=tuple(rows),
        count=len(found),
        reached=sum(members.values()),
        nothing=tuple(sorted(reasons, key=lambda row: -row[1])),
        rest=len(found) - len(rows),
        rest_members=sum(members.get(pk, 0) for pk, _, _ in found[SHOWN:]),
    )


def _frozen_headlines(editions: Iterable[int]) -> Mapping[int, list[str]]:
    titles: defaultdict[int, list[str]] = defaultdict(list)
    places = EditionItem.objects.filter(edition__in=editions).order_by("edition", "place")
    for edition, headline, title in places.values_list("edition", "item__headline", "item__page__title"):
        titles[edition].append(headline or title or "An entry that has been deleted")
    return titles
