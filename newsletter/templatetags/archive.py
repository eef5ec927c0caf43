"""What the archive of past issues needs in its template."""

from typing import Any

from django import template
from django.core.paginator import Page, Paginator

from newsletter.archiving import past_issues
from newsletter.models.issue import IssueQuerySet

PER_PAGE = 24  # two years of issues

register = template.Library()


@register.simple_tag(takes_context=True)
def archived(context: dict[str, Any], issues: IssueQuerySet) -> Page:
    """The page of past issues that the address asks for (`?page=2`); the nearest one where there is no such page."""
    request = context.get("request")
    page = Paginator(issues.select_related("mailing"), PER_PAGE).get_page(request.GET.get("page") if request else 1)
    page.object_list = past_issues(page.object_list)
    return page
