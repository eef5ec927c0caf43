"""Measured: what was measured about one member, as they see it, and its deletion there and then."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from membership.models import Member
from newsletter.models import Delivery, Hit
from newsletter.rules import REASONS
from newsletter.stale import mark_stale

SHOWN = 300  # hits on one page, the latest
VERDICTS = {**{str(value): str(label) for value, label in Hit.Verdict.choices}, "": "Not judged yet"}


@dataclass(frozen=True)
class Line:
    """One hit in words. `title` and `url` are of the link that was followed."""

    at: datetime
    what: str
    title: str
    url: str
    verdict: str
    verdict_words: str
    why: str


@dataclass
class IssueMeasured:
    """What was measured of one issue: the latest hits, and how many there are of each sort."""

    title: str
    opens: int = 0
    clicks: int = 0
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    issues: Sequence[IssueMeasured]
    total: int
    shown: int

    @property
    def more(self) -> int:
        return self.total - self.shown


def measured(member: Member) -> Measured:
    """Everything that was measured about a member, the latest issue first: one query for all of it."""
    hits = Hit.objects.filter(delivery__member=member).order_by("-delivery__issue__period", "-at", "-pk")
    rows = list(
        hits.values_list(
            "delivery__issue__period",
            "delivery__issue__title",
            "what",
            "at",
            "verdict",
            "reason",
            "link__url",
            "link__item__headline",
            "link__item__page__title",
        )[: SHOWN + 1]
    )
    total = len(rows) if len(rows) <= SHOWN else hits.count()
    issues: dict[str, IssueMeasured] = {}
    for period, title, what, at, verdict, reason, url, headline, entry in rows[:SHOWN]:
        issue = issues.setdefault(period, IssueMeasured(title))
        issue.opens += what == Hit.What.OPEN
        issue.clicks += what == Hit.What.CLICK
        words = VERDICTS[verdict]
        why = REASONS.get(reason, "")
        issue.lines.append(Line(at, what, headline or entry or url or "", url or "", verdict, words, why))
    return Measured(list(issues.values()), total, min(total, SHOWN))


def counted(member: Member) -> int:
    """How many hits are kept of a member."""
    return Hit.objects.filter(delivery__member=member).count()


@transaction.atomic
def delete_measured(member: Member) -> int:
    """Delete everything that was measured about a member; the totals follow. Returns how many hits went.

    From then on nothing older is taken in, though a provider tell of it (again).
    """
    hits = Hit.objects.filter(delivery__member=member)
    issues = set(Delivery.objects.filter(member=member, hits__isnull=False).values_list("issue", flat=True))
    Delivery.objects.filter(member=member).update(measured_since=timezone.now())
    deleted, _ = hits.delete()
    mark_stale(issues)
    return deleted
