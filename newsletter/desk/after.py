"""Not written yet."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from newsletter.desk.access import issue_context, visible_issue


def links(request: HttpRequest, issue_id: int) -> HttpResponse:
    issue = visible_issue(request, issue_id)
    return render(
        request, "newsletter/admin/issue_base.html", issue_context(request, issue, "newsletter_links", "Links")
    )


urlpatterns = [
    path("<int:issue_id>/links/", links, name="newsletter_links"),
]
