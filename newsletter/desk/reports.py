"""Reports over many issues: over time, what works for a sector, the directory's entries, and members as a whole."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse

from cms.models import Sector
from newsletter import charts
from newsletter.comparing import (
    A_YEAR,
    MONTHS,
    Engaged,
    Moment,
    SectorServed,
    Worth,
    engagement,
    entries,
    latest_issues,
    never_followed,
    over_time,
    sectors_served,
    what_works,
)
from newsletter.desk.access import Tab
from newsletter.desk.menu import may_see_issues
from newsletter.desk.tables import FIGURE_COLUMNS, Column, Row, Table, counted_words, download, figure_values, share
from newsletter.models import Issue

TABS = {
    "newsletter_reports": "Over time",
    "newsletter_report_sectors": "What works for a sector",
    "newsletter_report_entries": "Entries",
    "newsletter_report_engagement": "Engagement",
}
BEST = 20  # entries shown as what works


def show_over_time(request: HttpRequest) -> HttpResponse:
    """The latest issues one after the other, for everybody or one sector (`sector` in the address)."""
    _check(request)
    issues = latest_issues(MONTHS)
    sector = _sector(request)
    moments = over_time(issues, sector.slug if sector else "")
    return _page(
        request,
        "newsletter_reports",
        [_over_time(moments, sector)],
        issues,
        sector=sector,
        sectors=Sector.objects.all(),
        everybody=True,
    )


def show_sector(request: HttpRequest) -> HttpResponse:
    """What the members of one sector followed most; the first sector where the address names none."""
    _check(request)
    sectors = list(Sector.objects.all())
    sector = next((one for one in sectors if one.slug == request.GET.get("sector")), sectors[0] if sectors else None)
    issues = latest_issues(A_YEAR)
    kinds, items = what_works(issues, sector.slug) if sector else ([], [])
    name = sector.name if sector else ""
    tables = [
        _worth("kinds", "Kind", f"Kinds that work for {name}", kinds),
        _worth("entries", "Entry", f"Entries that work for {name}", items[:BEST]),
    ]
    return _page(request, "newsletter_report_sectors", tables, issues, sector=sector, sectors=sectors, year=A_YEAR)


def show_entries(request: HttpRequest) -> HttpResponse:
    """Which entries reached how many, which were never followed, and which sectors get little."""
    _check(request)
    issues = latest_issues(A_YEAR)
    found = entries(issues)
    tables = [_reach(found), _never(never_followed(found)), _served(sectors_served(issues))]
    return _page(request, "newsletter_report_entries", tables, issues, year=A_YEAR)


def show_engagement(request: HttpRequest) -> HttpResponse:
    """How many members opened and followed how many of the latest issues: numbers, never names."""
    _check(request)
    issue, lines = engagement()
    tables = [
        _engaged(
            "opened", "Issues opened", lines, [line.opened for line in lines], [one.agreed_opens for one in lines]
        ),
        _engaged(
            "followed",
            "Issues in which a link was followed",
            lines,
            [line.followed for line in lines],
            [line.agreed_clicks for line in lines],
        ),
    ]
    number = len(lines[0].opened) - 1 if lines else 0
    return _page(request, "newsletter_report_engagement", tables, [issue] if issue else [], number=number)


def _check(request: HttpRequest) -> None:
    if not may_see_issues(request.user):
        raise PermissionDenied


def _sector(request: HttpRequest) -> Sector | None:
    asked = request.GET.get("sector")
    found: Sector | None = Sector.objects.filter(slug=asked).first() if asked else None
    return found


def _page(
    request: HttpRequest, current: str, tables: Sequence[Table], issues: Sequence[Issue], **context: Any
) -> HttpResponse:
    sector = context.get("sector")
    name = "-".join(["e-news", TABS[current].lower().replace(" ", "-"), *([sector.slug] if sector else [])])
    if file := download(request, tables, name):
        return file
    context |= {
        "page_title": "Reports",
        "tabs": [Tab(name, label, reverse(name), name == current) for name, label in TABS.items()],
        "tables": tables,
        "issues": len(issues),
        "counted": counted_words(max((issue.rollup.counted_at for issue in issues), default=None)),
        "any_hidden": any(table.hides for table in tables),
    }
    return render(request, f"newsletter/admin/reports/{current.removeprefix('newsletter_')}.html", context)


def _over_time(moments: Sequence[Moment], sector: Sector | None) -> Table:
    whom = f" in {sector.name}" if sector else ""
    shares = [one.figures.click_share for one in moments]
    return Table(
        name="issues",
        title=f"Issue by issue{whom}",
        columns=[Column("Issue"), *FIGURE_COLUMNS],
        rows=[
            Row(
                [one.issue.month.title, *figure_values(one.figures)],
                url=reverse("newsletter_report", args=[one.issue.pk]),
            )
            for one in reversed(moments)
        ],
        chart=charts.time_chart(
            "time-chart",
            f"Of those{whom} who agreed, how many followed a link, issue by issue",
            [one.issue.month.title for one in moments],
            [("Followed a link", [None if one is None else one * 100 for one in shares])],
            " %",
        ),
    )


def _worth(name: str, word: str, title: str, found: Sequence[Worth]) -> Table:
    kind = [Column("Kind", number=False)] if name == "entries" else []
    return Table(
        name=name,
        title=title,
        columns=[
            *(Column(word), *kind, Column("Issues"), Column("Sent")),
            *(Column("To members who agreed"), Column("Followed"), Column("At least, %")),
        ],
        rows=[
            Row(
                [
                    *(one.label, *([one.kind] if kind else []), one.issues, one.sent),
                    *(one.agreed, one.followed, share(one.share)),
                ],
                url=_edit(one),
            )
            for one in found
        ],
        chart=charts.share_chart(
            f"{name}-chart",
            f"{title}: at least so many of those who agreed followed it",
            [(one.label, one.share) for one in found if one.share is not None],
        ),
    )


def _reach(found: Sequence[Worth]) -> Table:
    anybody = any(one.anybody is not None for one in found)
    return Table(
        name="entries",
        title="Entries by reach",
        columns=[
            *(Column("Entry"), Column("Kind", number=False), Column("Issues"), Column("Sent to")),
            *(Column("Who agreed"), Column("Followed by"), Column("At least, %")),
            *([Column("Followed by anybody")] if anybody else []),
        ],
        rows=[
            Row(
                [
                    *(one.label, one.kind, one.issues, one.sent, one.agreed, one.followed, share(one.share)),
                    *([one.anybody] if anybody else []),
                ],
                url=_edit(one),
            )
            for one in found
        ],
        chart=charts.number_chart(
            "entries-chart", "The entries that reached most people", [(one.label, one.sent) for one in found]
        ),
    )


def _never(found: Sequence[Worth]) -> Table:
    return Table(
        name="never-followed",
        title="Never followed, as far as can be shown",
        columns=[Column("Entry"), Column("Kind", number=False), Column("Sent to"), Column("Who agreed")],
        rows=[Row([one.label, one.kind, one.sent, one.agreed], url=_edit(one)) for one in found],
        note="Nobody followed these, or fewer than ten of those who agreed, or more and their figure is hidden along "
        "with another: which of these is not said.",
    )


def _served(found: Sequence[SectorServed]) -> Table:
    return Table(
        name="sectors",
        title="How each sector is served",
        columns=[
            *(Column("Sector"), Column("Members"), Column("Entries received"), Column("Of their own")),
            *(Column("Who agreed"), Column("At least, %"), Column("Remark", number=False)),
        ],
        rows=[
            Row(
                [
                    *(one.name, one.members, one.items, one.own, one.agreed, share(one.share)),
                    "Little of its own" if one.under_served else "",
                ],
                url=f"{reverse('newsletter_report_sectors')}?sector={one.slug}",
            )
            for one in found
        ],
        note="Of their own are entries for that sector, not for everyone. Little is less than half of what the sector "
        "in the middle gets.",
        chart=charts.number_chart(
            "sectors-chart", "Entries of their own, by sector", [(one.name, one.own) for one in found]
        ),
    )


def _engaged(
    name: str,
    title: str,
    lines: Sequence[Engaged],
    counts: Sequence[Sequence[int | None]],
    agreed: Sequence[int | None],
) -> Table:
    numbers = range(len(counts[0])) if counts else range(0)
    return Table(
        name=name,
        title=title,
        columns=[
            *(Column("Members"), Column("Who agreed")),
            *(Column("None" if number == 0 else str(number), "Issues") for number in numbers),
        ],
        rows=[Row([line.label, people, *row]) for line, people, row in zip(lines, agreed, counts, strict=True)],
        chart=charts.number_chart(
            f"{name}-chart",
            f"{title}: all members who agreed, by how many",
            [(_issues(number), people) for number, people in enumerate(counts[0])] if counts else [],
        ),
    )


def _issues(number: int) -> str:
    return "None" if number == 0 else "1 issue" if number == 1 else f"{number} issues"


def _edit(one: Worth) -> str:
    return reverse("wagtailadmin_pages:edit", args=[one.page]) if one.page else ""


urlpatterns = [
    path("reports/", show_over_time, name="newsletter_reports"),
    path("reports/sectors/", show_sector, name="newsletter_report_sectors"),
    path("reports/entries/", show_entries, name="newsletter_report_entries"),
    path("reports/engagement/", show_engagement, name="newsletter_report_engagement"),
]
