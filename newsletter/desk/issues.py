"""The list of issues."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from newsletter.desk.access import visible_issues
from newsletter.desk.compiling import may_compile
from newsletter.models import Issue
from newsletter.periods import Period
from newsletter.standing import Sent, Standing, issues_with_standing, with_standing

LATEST = 24  # monthly issues: two years
CORRECTIONS = 100  # of these, at most: no year has held so many

Row = tuple[Issue, Standing, Sent | None]


def issues(request: HttpRequest) -> HttpResponse:
    """The latest monthly issues, each with its corrections beneath it: where it stands, counts and the next date."""
    allowed = with_standing(visible_issues(request.user))
    monthly = list(allowed.monthly().order_by("-period")[:LATEST])
    corrections: list[Issue] = []
    if monthly:
        later = allowed.filter(corrects__isnull=False, period__gt=monthly[-1].period).order_by("period")
        corrections = list(later[:CORRECTIONS])
    rows = issues_with_standing([*monthly, *corrections])
    beneath: dict[Period, list[Row]] = {}
    for row in rows[len(monthly) :]:
        beneath.setdefault(row[0].month, []).append(row)
    context = {
        "page_title": "E-news",
        "rows": [(*row, beneath.get(row[0].month, [])) for row in rows[: len(monthly)]],
        "latest": LATEST,
        "may_compile": may_compile(request.user),
    }
    return render(request, "newsletter/admin/issues.html", context)


urlpatterns = [
    path("", issues, name="newsletter_issues"),
]
