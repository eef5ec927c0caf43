"""How an issue is shown: on the website once sent, and to its editor before."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from newsletter.editions import IssueEditions
from newsletter.models import Issue
from newsletter.rendering import Rendered, render_edition, sanitise_rich_text


class IssuePresenter:
    """Shows an issue by the same functions that make the mail (`newsletter.models.issue.Presenter`)."""

    modes = [("email", "E-mail"), ("text", "Plain text"), ("web", "Web version")]

    def web_version(self, request: HttpRequest, issue: Issue) -> HttpResponse:
        """The public version: every item, no personal link."""
        editions = IssueEditions(issue)
        content = editions.content(editions.general(), greeting="", token="none")
        introduction = sanitise_rich_text(content.introduction_html)
        context = {"page": issue, "content": content, "introduction": introduction}
        return render(request, "newsletter/issue.html", context)

    def preview(self, request: HttpRequest, issue: Issue, mode: str) -> HttpResponse:
        """What Wagtail shows beside the editor."""
        if mode == "web":
            return self.web_version(request, issue)
        rendered = render_general(issue)
        if mode == "text":
            return HttpResponse(rendered.text, content_type="text/plain; charset=utf-8")
        return HttpResponse(rendered.html)


def render_general(issue: Issue) -> Rendered:
    """The mail with every item, addressed to nobody."""
    editions = IssueEditions(issue)
    return render_edition(editions.content(editions.general(), greeting="Hello,", token="preview"))
