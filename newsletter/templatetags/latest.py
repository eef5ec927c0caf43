"""The newest issue, for pages that know nothing of issues: the front door shows it."""

from django import template

from newsletter.archiving import PastIssue, past_issues
from newsletter.models import Issue

register = template.Library()


@register.simple_tag
def latest_issue() -> PastIssue | None:
    """The newest monthly issue that was sent, with its headlines (three queries); None before the first."""
    newest = past_issues(Issue.objects.sent().select_related("mailing").order_by("-period")[:1])
    return newest[0] if newest else None
