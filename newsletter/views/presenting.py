"""How an issue is shown: on the website once sent, and to its editor before."""

from csp.decorators import csp_update
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
        return self._web(request, issue, IssueEditions.approved(issue))

    def _web(self, request: HttpRequest, issue: Issue, editions: IssueEditions) -> HttpResponse:
        content = editions.content(editions.general(), greeting="", token="none")
        introduction = sanitise_rich_text(content.introduction_html)
        context = {"page": issue, "content": content, "introduction": introduction}
        return render(request, "newsletter/issue.html", context)

    def preview(self, request: HttpRequest, issue: Issue, mode: str) -> HttpResponse:
        """What Wagtail shows beside the editor."""
        if mode == "web":
            return self._web(request, issue, IssueEditions(issue))
        rendered = render_general(issue)
        if mode == "text":
            return HttpResponse(rendered.text, content_type="text/plain; charset=utf-8")
        return email_preview(rendered.html)


@csp_update({"style-src": ["'unsafe-inline'"]})  # a mail carries its styles inside
def email_preview(html: str) -> HttpResponse:
    """The mail as a page of its own."""
    return HttpResponse(html)


def render_general(issue: Issue) -> Rendered:
    """The mail addressed to nobody, with as many of all items as an edition holds."""
    editions = IssueEditions(issue)
    content = editions.content(editions.general(editions.limit), greeting="Hello,", token="preview")
    return render_edition(content)
