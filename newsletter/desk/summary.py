"""The summary of an issue on one page, to print or to save as PDF for funders."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from newsletter import charts
from newsletter.desk.access import issue_context, visible_issue
from newsletter.desk.report import PAGE, main_figures
from newsletter.desk.tables import counted_words, share
from newsletter.reporting import IssueReport, report

BEST = 5  # entries


def summary(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The main figures, what was followed most, and by which sectors."""
    issue = visible_issue(request, issue_id)
    found = report(issue)
    followed = [line for line in found.items if line.figures.click_share is not None]
    followed.sort(key=lambda line: (-(line.figures.click_share or 0), line.label))
    context = issue_context(request, issue, PAGE, "Summary") | {
        "report": found,
        "whole": found.whole,
        "counted": counted_words(found.counted_at),
        "figures": _figures(found),
        "best": [(line, share(line.figures.click_share)) for line in followed[:BEST]],
        "chart": _chart(found),
        "sectors_shown": sum(line.figures.click_share is not None for line in found.sectors),
    }
    return render(request, "newsletter/admin/summary.html", context)


def _figures(found: IssueReport) -> list[tuple[str, int | None]]:
    """The main figures that may be shown."""
    whole = found.whole
    more = [
        ("Agreed to have links measured", whole.agreed_clicks),
        ("Followed a link, of these", whole.clickers.human),
    ]
    return [(label, count) for label, count in [*main_figures(found), *more] if count is not None]


def _chart(found: IssueReport) -> str:
    return charts.share_chart(
        "summary-chart",
        "By sector: of those who agreed, how many followed a link",
        [(line.label, line.figures.click_share) for line in found.sectors],
    )


urlpatterns = [
    path("<int:issue_id>/summary/", summary, name="newsletter_summary"),
]
