"""The report of one issue: how far it got, what of it was read, and by whom, in numbers of ten people or more."""

from collections.abc import Sequence
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.formats import date_format

from newsletter import charts
from newsletter.desk.access import issue_context, visible_issue
from newsletter.desk.tables import FIGURE_COLUMNS, Column, Row, Table, counted_words, download, figure_values
from newsletter.figures import Verdicts
from newsletter.reporting import IssueReport, ItemLine, Line, report

PAGE = "newsletter_report"
EDITIONS = 100  # on the page; the file has all


def issue_report(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The figures of one issue, each list with its table; `download` and `table` in the address ask for a file."""
    issue = visible_issue(request, issue_id)
    found = report(issue)
    tables = report_tables(found)
    if file := download(request, tables, f"e-news-{issue.period}"):
        return file
    context = issue_context(request, issue, PAGE, "Report") | {
        "report": found,
        "whole": found.whole,
        "counted": counted_words(found.counted_at),
        "figures": main_figures(found),
        "tables": tables,
        "any_hidden": any(table.hides for table in tables),
    }
    return render(request, "newsletter/admin/report.html", context)


def main_figures(found: IssueReport) -> list[tuple[str, int | None]]:
    """The figures that come first, in words."""
    whole = found.whole
    return [
        ("Sent", whole.sent),
        ("Delivered", whole.delivered),
        ("Bounced", whole.bounced),
        ("Complained", whole.complained),
        ("Left by its link", whole.departed),
    ]


def report_tables(found: IssueReport) -> list[Table]:
    """Every list of the report, as it stands on the page."""
    return [
        _whole(found),
        _list("sectors", "Sector", "By sector", found.sectors, note="Somebody in two sectors counts in both."),
        _list("kinds", "Kind", "By kind", found.kinds, note="Who was sent an item of the kind, and followed one."),
        _items(found.items, found.counts_anybody),
        _list("regions", "Region", "By region", found.regions, folded=True),
        _editions(found),
        _days(found.days),
    ]


def _whole(found: IssueReport) -> Table:
    """Opens and clicks as people and as hits, by what was judged."""
    whole = found.whole
    rows = [
        ("People who opened it", whole.openers),
        ("Times it was opened", whole.opens),
        ("People who followed a link", whole.clickers),
        ("Times a link was followed", whole.clicks),
    ]
    columns = [
        Column("What"),
        Column("In all"),
        Column("By people"),
        Column("Cannot be told"),
        Column("By machines"),
    ]
    return Table(
        name="measured",
        title="Who made them",
        columns=columns,
        rows=[Row([label, one.raw, one.human, one.unknown, one.machine]) for label, one in rows],
        note="Somebody counts by the surest that is known: whoever opened it once as a person is a person.",
        chart=charts.verdict_chart(
            "measured-chart",
            "People who opened the mail and who followed a link, by who made the hits",
            [("Opened it", whole.openers), ("Followed a link", whole.clickers)],
        ),
    )


def _list(name: str, word: str, title: str, lines: Sequence[Line], *, note: str = "", folded: bool = False) -> Table:
    return Table(
        name=name,
        title=title,
        columns=[Column(word), *FIGURE_COLUMNS],
        rows=[Row([line.label, *figure_values(line.figures)]) for line in lines],
        note=note,
        folded=folded,
        chart=charts.share_chart(
            f"{name}-chart",
            f"{title}: of those who agreed, how many followed a link",
            [(line.label, line.figures.click_share) for line in lines],
        ),
    )


def _items(lines: Sequence[ItemLine], counts_anybody: bool) -> Table:
    columns = [Column("Entry"), Column("Kind", number=False), Column("Editions", wide=True), *FIGURE_COLUMNS]
    columns += [Column("Followed by anybody")] if counts_anybody else []
    best = sorted(lines, key=lambda line: -(line.figures.click_share or 0))
    return Table(
        name="items",
        title="By entry",
        columns=columns,
        rows=[
            Row(
                [
                    *(line.label, line.kind_label, line.editions, *figure_values(line.figures)),
                    *([line.followed] if counts_anybody else []),
                ],
                url=reverse("wagtailadmin_pages:edit", args=[line.page]) if line.page else "",
            )
            for line in lines
        ],
        note="Opens are those of the mails that carried it; links are its own.",
        chart=charts.share_chart(
            "items-chart",
            "By entry: of those who were sent it and agreed, how many followed it",
            [(line.label, line.figures.click_share) for line in best if line.figures.click_share is not None],
        ),
    )


def _editions(found: IssueReport) -> Table:
    return Table(
        name="editions",
        title="By edition",
        columns=[Column("Edition"), Column("First made for", number=False), Column("Items"), *FIGURE_COLUMNS],
        rows=[
            Row([f"Edition {line.number}", line.label, line.items, *figure_values(line.figures)])
            for line in found.editions
        ],
        folded=True,
        most=EDITIONS,
    )


def _days(lines: Sequence[Line]) -> Table:
    """Who opened and followed on each day. Days have no base of their own."""
    columns = [
        Column("Day"),
        *(Column(label, "Opened by") for label in ("In all", "People", "Cannot be told", "Machines")),
        *(Column(label, "Links followed by") for label in ("In all", "People", "Cannot be told", "Machines")),
    ]
    days = [date.fromisoformat(line.key) for line in lines]
    return Table(
        name="days",
        title="By day",
        columns=columns,
        rows=[
            Row(
                [
                    date_format(date.fromisoformat(line.key), "j F Y"),
                    *_of(line.figures.openers),
                    *_of(line.figures.clickers),
                ]
            )
            for line in lines
        ],
        note="Somebody who came on two days counts on both.",
        folded=True,
        chart=charts.time_chart(
            "days-chart",
            "People who opened it and who followed a link, by day",
            [date_format(day, "j M") for day in days],
            [
                ("Followed a link", [line.figures.clickers.human for line in lines]),
                ("Opened it", [line.figures.openers.human for line in lines]),
                ("Opened it, cannot be told", [line.figures.openers.unknown for line in lines]),
            ],
        ),
    )


def _of(one: Verdicts) -> list[int | None]:
    return [one.raw, one.human, one.unknown, one.machine]


urlpatterns = [
    path("<int:issue_id>/report/", issue_report, name=PAGE),
]
