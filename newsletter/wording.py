"""What an entry says in an e-news, and how that is kept from approval to sending: nobody is mailed words that a second
person has not seen (ADR 14)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format

from cms.models import Entry, Event, Funding, Kind
from newsletter.models import Approval, Issue


@dataclass(frozen=True)
class Wording:
    """The words of an entry, and who they are for: ids of sectors (none: everyone) and of regions (none: national)."""

    page: int
    kind: str
    title: str
    summary: str
    slug: str
    sectors: frozenset[int]
    regions: frozenset[int]
    date_line: str = ""  # "Friday 4 December 2026, 10am, Newcastle"
    leaf: date | None = None  # an event's day

    @classmethod
    def of(cls, page: Entry) -> "Wording":
        """Read an entry, of its own kind if it is an event or funding, with its sectors and regions fetched along."""
        return cls(
            page=page.pk,
            kind=page.kind,
            title=page.title,
            summary=page.summary,
            slug=page.slug,
            sectors=frozenset(sector.pk for sector in page.sectors.all()),
            regions=frozenset(region.pk for region in page.regions.all()),
            date_line=_date_line(page),
            leaf=page.key_date if page.kind == Kind.EVENT else None,
        )

    def as_json(self) -> dict[str, Any]:
        kept = {**self.__dict__, "sectors": sorted(self.sectors), "regions": sorted(self.regions)}
        return {**kept, "leaf": self.leaf.isoformat() if self.leaf else None}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Wording":
        lists = {"sectors": frozenset(kept["sectors"]), "regions": frozenset(kept["regions"])}
        return cls(**{**kept, **lists, "leaf": date.fromisoformat(kept["leaf"]) if kept["leaf"] else None})


def write_wordings(wordings: Iterable[Wording]) -> list[dict[str, Any]]:
    return [wording.as_json() for wording in wordings]


def read_wordings(approval: Approval) -> dict[int, Wording]:
    """The approved words by the id of their page."""
    return {kept["page"]: Wording.from_json(kept) for kept in approval.entries}


def approval_of(issue: Issue) -> Approval | None:
    """The approval of an issue's live version; None for a draft."""
    if not issue.live or not issue.live_revision_id:
        return None
    return Approval.objects.filter(issue=issue, revision=issue.live_revision_id).order_by("-at", "-pk").first()


def _date_line(page: Entry) -> str:
    if isinstance(page, Event):
        return f"{page.when()}, {page.place}"
    if isinstance(page, Funding) and page.deadline:
        return f"Apply by {date_format(page.deadline, 'l j F Y')}"
    return ""
