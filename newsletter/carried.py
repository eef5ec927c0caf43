"""How one entry was carried by the e-news, and read: for its editors, out of the totals (ADR 23)."""

from dataclasses import dataclass

from django.db.models import Count

from newsletter.by_issue import Reach, of_items
from newsletter.models import EditionItem, Issue, Item, Total

LATEST = 12  # issues: an entry is carried anew only when an update of it is announced


@dataclass(frozen=True)
class Carried:
    """One issue with an entry in it. Figures are None where they must not be shown, `counted` is false before there are
    any. `agreed` is how many of those who were sent it agreed to have clicks measured, `followed` how many of these
    followed its link as people do."""

    issue: Issue
    frozen: bool = False  # no draft any more
    left_out: bool = False
    editions: int = 0
    counted: bool = False
    sent: int | None = None
    agreed: int | None = None
    followed: int | None = None

    @property
    def percent(self) -> int | None:
        """Of those who agreed, how many in a hundred followed it."""
        return round(100 * self.followed / self.agreed) if self.agreed and self.followed is not None else None


def carried(entry: int) -> list[Carried]:
    """The latest issues that hold an entry, the newest first: a fixed number of queries. The same is hidden as in the
    issues' reports: else the two would give each other away."""
    items = list(
        Item.objects.filter(page=entry).select_related("issue__mailing").order_by("-issue__period", "-pk")[:LATEST]
    )
    if not items:
        return []
    pks = [item.pk for item in items]
    places = EditionItem.objects.filter(item__in=pks).values_list("item").annotate(Count("edition")).order_by()
    editions = dict(places)
    found = of_items({item.issue_id for item in items})
    return [
        _carried(item, editions.get(item.pk, 0), found.get(item.issue_id, {}).get((Total.Dimension.ITEM, str(item.pk))))
        for item in items
    ]


def _carried(item: Item, editions: int, reach: Reach | None) -> Carried:
    frozen = getattr(item.issue, "mailing", None) is not None
    if not reach:
        return Carried(item.issue, frozen, item.left_out, editions)
    return Carried(
        item.issue,
        frozen,
        item.left_out,
        editions,
        counted=True,
        sent=reach.sent,
        agreed=reach.agreed,
        followed=reach.followed,
    )
