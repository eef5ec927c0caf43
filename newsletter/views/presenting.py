"""How an issue is shown: on the website once sent, and to its editor before."""

import re
from functools import cached_property
from typing import Any, cast

from csp.decorators import csp_update
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from cms.models import Region, Sector
from membership.models import Audience
from newsletter import inbox
from newsletter.editions import IssueEditions
from newsletter.models import Issue
from newsletter.reading import Reading, everything, read
from newsletter.skeletons import Workshop
from newsletter.views.archive import issue_page

GENERAL = [("email", "E-mail"), ("text", "Plain text"), ("inbox", "Inbox"), ("web", "Web version")]
ONE_EDITION = re.compile(r"edition-(\d{1,9})-(\d{1,9})")  # ids of a sector and a region; 0 = national


class IssuePresenter:
    """Shows an issue by the same functions that make the mail (`newsletter.models.issue.Presenter`)."""

    def __get__(self, issue: Issue | None, owner: type[Issue] | None = None) -> "IssuePresenter":
        """Every issue has one of its own, kept like a cached property: Wagtail asks for the modes once per mode."""
        if issue is None:
            return self
        own: IssuePresenter = issue.__dict__.setdefault("presenter", IssuePresenter())
        return own

    # The protocol asks for an attribute, and loading it takes two queries that the public pages need not make.
    modes = cast(list[tuple[str, str]], cached_property(lambda self: _modes()))

    def web_version(self, request: HttpRequest, issue: Issue) -> HttpResponse:
        """The public version, without any personal link."""
        return issue_page(request, issue, IssueEditions.approved(issue))

    def preview(self, request: HttpRequest, issue: Issue, mode: str) -> HttpResponse:
        """What Wagtail shows beside the editor, of the issue as the form holds it. Raises Http404 for other modes."""
        editions = IssueEditions(issue)
        if mode == "web":
            try:
                return issue_page(request, issue, editions)
            except ValueError as error:  # an introduction that is too long, or a subject that no header can carry
                return _plain(f"{error}\n")
        reading = read(editions, _audience(editions, mode))
        if not reading.rendered:
            return _plain(f"{reading.audience}\n\n{reading.why_not}\n")
        if mode == "text":
            return _plain(reading.rendered.text)
        if mode == "inbox":
            return _inbox(request, issue, reading)
        return email_preview(reading.rendered.html)


def _modes() -> list[tuple[str, str]]:
    """The general views, and the edition of every sector and region."""
    regions = [(0, "national"), *Region.objects.values_list("pk", "name")]
    sectors = Sector.objects.values_list("pk", "short_name")
    editions = [
        (f"edition-{sector}-{region}", f"{name} · {place}") for sector, name in sectors for region, place in regions
    ]
    return [*GENERAL, *editions]


def _audience(editions: IssueEditions, mode: str) -> Audience | None:
    """Whom a mode is for. Raises Http404 when there is no such mode."""
    found = ONE_EDITION.fullmatch(mode)
    if not found:
        if mode in dict(GENERAL):
            return None
        raise Http404
    sector, region = int(found[1]), int(found[2])
    if sector not in editions.sector_names or (region and region not in editions.region_names):
        raise Http404
    return everything([sector], region or None)


@csp_update({"style-src": ["'unsafe-inline'"]})  # a mail carries its styles inside
def email_preview(html: str) -> HttpResponse:
    """The mail as a page of its own."""
    return HttpResponse(html)


def _plain(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def _inbox(request: HttpRequest, issue: Issue, reading: Reading) -> HttpResponse:
    assert reading.rendered
    rows = inbox.rows(reading.rendered, Workshop(issue).sender)
    context: dict[str, Any] = {"rows": list(rows), "issue": issue}
    return render(request, "newsletter/admin/inbox.html", context)
