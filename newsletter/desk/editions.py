"""Not written yet."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from newsletter.desk.access import issue_context, visible_issue


def editions(request: HttpRequest, issue_id: int) -> HttpResponse:
    issue = visible_issue(request, issue_id)
    return render(
        request,
        "newsletter/admin/issue_base.html",
        issue_context(request, issue, "newsletter_editions", "Who gets what"),
    )


urlpatterns = [
    path("<int:issue_id>/editions/", editions, name="newsletter_editions"),
]
