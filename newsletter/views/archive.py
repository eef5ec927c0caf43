"""The public side of issues that were sent: their web version, for everybody or as one reader got it, and a feed."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join

from cms.models import Region, Sector
from membership.models import Audience
from newsletter.archiving import PastIssue, corrections_of, past_issues
from newsletter.cleaning import one_line
from newsletter.editions import IssueEditions
from newsletter.models import Issue
from newsletter.reading import everything
from newsletter.rendering import with_clean_rich_text

IN_FEED = 24  # issues


@dataclass(frozen=True)
class Reader:
    """Whom the web version is for: somebody of a sector, or of any, in a region, or in none."""

    sectors: tuple[Sector, ...]
    regions: tuple[Region, ...]
    sector: Sector | None
    region: Region | None

    @classmethod
    def chosen(cls, request: HttpRequest) -> "Reader":
        """Read `?sector=<slug>&region=<slug>`; words that nobody uses are as good as none. Two queries."""
        sectors, regions = tuple(Sector.objects.all()), tuple(Region.objects.all())
        wanted = request.GET.get
        return cls(
            sectors,
            regions,
            next((one for one in sectors if one.slug == wanted("sector")), None),
            next((one for one in regions if one.slug == wanted("region")), None),
        )

    @property
    def audience(self) -> Audience | None:
        """The audience of the edition to show; None for the whole issue. All kinds are wanted."""
        if not self.sector and not self.region:
            return None
        sectors = [self.sector] if self.sector else self.sectors
        return everything([one.pk for one in sectors], self.region.pk if self.region else None)

    @property
    def words(self) -> str:
        """“Health · North East”."""
        sector = self.sector.short_name if self.sector else "every sector"
        return f"{sector} · {self.region.name if self.region else 'national'}"


def issue_page(request: HttpRequest, issue: Issue, editions: IssueEditions) -> HttpResponse:
    """The web version: the whole issue or, where the address asks for it, the edition that such a reader got, by the
    rule that made the mails. A preview or a correction is always whole."""
    reader = None if getattr(request, "is_preview", False) or issue.is_correction else Reader.chosen(request)
    audience = reader.audience if reader else None
    choice = editions.choose(audience) if audience else editions.general()
    content = with_clean_rich_text(editions.content(choice, greeting="", token="none"))
    context = {
        "page": issue,
        "content": content,
        "reader": reader,
        "of_reader": audience is not None,
        "corrections": [] if issue.is_correction else corrections_of(issue),
        "corrected": issue.corrects.issue if issue.corrects else None,
    }
    return render(request, "newsletter/issue.html", context)


class ENewsFeed(Feed):
    """The issues that were sent, newest first, each with its headlines: no more of an entry than the mail says."""

    title = "i-HOP e-news"
    description = "Once a month, what is new for professionals who work with the children and families of offenders."
    language = "en-gb"

    def link(self) -> str:
        return f"{settings.SITE_URL}/e-news/"

    def feed_url(self) -> str:
        return f"{settings.SITE_URL}/feeds/e-news/"

    def items(self) -> list[PastIssue]:
        return past_issues(Issue.objects.sent().select_related("mailing").order_by("-period")[:IN_FEED])

    def item_title(self, item: PastIssue) -> str:
        return one_line(f"{item.issue.month.title}: {item.issue.subject}")

    def item_link(self, item: PastIssue) -> str:
        return f"{settings.SITE_URL}/e-news/{item.issue.period}/"

    def item_pubdate(self, item: PastIssue) -> datetime:
        return item.sent_at

    def item_description(self, item: PastIssue) -> str:
        lines = format_html_join("", "<li>{}</li>", ((one_line(headline),) for headline in item.headlines))
        return format_html("<ul>{}</ul>", lines) if lines else ""
