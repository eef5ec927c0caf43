"""The archive of what was sent: past issues with their headlines, and what was corrected in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from cms.open_data import open_entries
from newsletter.models import Approval, Issue, Item, Mailing
from newsletter.wording import read_wordings


@dataclass(frozen=True)
class PastIssue:
    """One issue in a list: its headlines are those of the mail, what was put first before all others."""

    issue: Issue
    sent_at: datetime
    headlines: tuple[str, ...]


def past_issues(issues: Iterable[Issue]) -> list[PastIssue]:
    """What a list says of these issues, which have been sent: three queries, if they come with their mailings."""
    issues = list(issues)
    current = Approval.objects.filter(issue__in=issues, revision=F("issue__live_revision")).order_by("at", "pk")
    words = {approval.issue_id: read_wordings(approval) for approval in current}
    carried = Item.objects.filter(issue__in=issues, left_out=False, page__in=open_entries()).select_related("page")
    headlines: dict[int, list[str]] = {issue.pk: [] for issue in issues}
    for item in carried.order_by("-pinned", F("sort_order").asc(nulls_last=True), "pk"):
        assert item.page
        approved = words.get(item.issue_id, {}).get(item.page_id or 0)
        headlines[item.issue_id].append(item.headline or (approved.title if approved else item.page.title))
    return [
        PastIssue(issue, issue.mailing.finished_at or issue.mailing.frozen_at, tuple(headlines[issue.pk]))
        for issue in issues
    ]


def corrections_of(issue: Issue) -> list[Issue]:
    """The corrections of this issue that have been sent, in their order, with their mailings."""
    found = Issue.objects.filter(corrects__issue=issue, mailing__finished_at__isnull=False)
    return list(
        found.exclude(mailing__state=Mailing.State.CANCELLED)
        .select_related("mailing")
        .order_by("mailing__finished_at", "pk")
    )
