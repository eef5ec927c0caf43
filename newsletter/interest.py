"""Interest: what an entry's sectors followed before, as far as that was measured and may be told (ADR 23).

Asked only where editors let it order what is compiled (`NewsletterSettings.order_by_interest`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from cms.models import Entry
from newsletter.hiding import SMALLEST_CELL
from newsletter.models import Issue, Total
from newsletter.periods import Period

ISSUES = 6  # looked back at
NAMED = 3  # sectors, in words; of more their number is said
UNKNOWN = "Nothing measured yet: in the middle"


@dataclass(frozen=True)
class Interest:
    """How much entries like one were followed by the sectors it is for: a share of those who agreed to have that
    measured, in whole per cent so that what looks equal is equal, and the words for it."""

    share: float
    why: str


def interest_in(entries: Sequence[Entry], period: Period) -> dict[int, Interest]:
    """The interest in each of these entries, by id: a fixed number of queries.

    Empty while nothing is measured: then the usual order holds. What nothing is known of gets the average of all
    that is, so that a sector of which few agreed is neither pushed up nor down.
    """
    followed = _followed(period)
    if not followed:
        return {}
    sectors = _sectors(entries)
    middle = Interest(_share(followed.values()), UNKNOWN)
    return {page.pk: _of(page, sectors.get(page.pk, {}), followed) or middle for page in entries}


def _of(page: Entry, sectors: Mapping[str, str], followed: Mapping[str, tuple[int, int]]) -> Interest | None:
    """`followed` holds people who followed and people who agreed, by kind, and by sector and kind."""
    keys = [f"{slug}/{page.kind}" for slug in sectors] or [page.kind]
    cells = [followed[key] for key in keys if key in followed]
    if not cells:
        return None
    share = _share(cells)
    readers = _readers(sorted(sectors.values()))
    if not share:
        return Interest(0, f"Seldom followed by {readers}")
    return Interest(share, f"{share:.0%} of {readers} followed this kind")


def _share(cells: Iterable[tuple[int, int]]) -> float:
    cells = list(cells)
    return round(sum(people for people, _ in cells) / sum(agreed for _, agreed in cells), 2)


def _followed(period: Period) -> dict[str, tuple[int, int]]:
    """People who followed and who agreed, summed over the latest issues before the month that have totals.

    An issue in which fewer than ten agreed says nothing, and fewer than ten who followed count as none: an order must
    not tell what a report would hide.
    """
    counted = Total.objects.filter(issue=OuterRef("pk"), dimension=Total.Dimension.ISSUE)
    latest = Issue.objects.filter(Exists(counted), corrects=None, period__lt=str(period)).order_by("-period")
    rows = Total.objects.filter(
        issue__in=list(latest.values_list("pk", flat=True)[:ISSUES]),
        dimension__in=[Total.Dimension.KIND, Total.Dimension.SECTOR_KIND],
        agreed_clicks__gte=SMALLEST_CELL,
    )
    found: dict[str, tuple[int, int]] = {}
    for key, people, agreed in rows.values_list("key", "clickers_human", "agreed_clicks"):
        before, base = found.get(key, (0, 0))
        found[key] = (before + (people if people >= SMALLEST_CELL else 0), base + agreed)
    return found


def _sectors(entries: Iterable[Entry]) -> dict[int, dict[str, str]]:
    """Slug and name of each entry's sectors."""
    rows = Entry.sectors.through.objects.filter(entry__in=[page.pk for page in entries])
    found: dict[int, dict[str, str]] = {}
    for page, slug, name, short in rows.values_list("entry", "sector__slug", "sector__name", "sector__short_name"):
        found.setdefault(page, {})[slug] = short or name
    return found


def _readers(sectors: Sequence[str]) -> str:
    if not sectors:
        return "all readers"
    if len(sectors) > NAMED:
        return f"readers in its {len(sectors)} sectors"
    return f"readers in {', '.join(sectors[:-1])} and {sectors[-1]}" if sectors[1:] else f"readers in {sectors[0]}"
