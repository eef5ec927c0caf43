"""Summing up: three days after an issue was sent, its main figures are mailed to those who hear of issues. Once."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import PageLogEntry

from newsletter.adding_up import add_up
from newsletter.hiding import HIDDEN
from newsletter.models import Issue, Mailing
from newsletter.reporting import report
from newsletter.telling import tell

SUMMED_UP = "newsletter.summary"  # in the issue's log: its summary has been mailed
AFTER = timedelta(days=3)  # by then most of those who read it have
TOO_LATE = timedelta(days=30)  # a month later nobody waits for it any more


def sum_up_due() -> list[str]:
    """Mail the summaries that are due, whatever day was missed. Returns of which issues."""
    now = timezone.now()
    done = Exists(PageLogEntry.objects.filter(page=OuterRef("pk"), action=SUMMED_UP))
    due = Issue.objects.sent().filter(~done, mailing__finished_at__range=(now - TOO_LATE, now - AFTER))
    return [issue.period for issue in due.order_by("period") if _sum_up(issue)]


def _sum_up(issue: Issue) -> bool:
    with transaction.atomic():
        Mailing.objects.select_for_update().get(pk=issue.pk)  # one process at a time
        if PageLogEntry.objects.filter(page=issue.pk, action=SUMMED_UP).exists():
            return False
        log(issue, SUMMED_UP)
    add_up(issue.pk)
    found = report(issue)
    whole = found.whole
    figures = [
        ("Sent", whole.sent),
        ("Delivered", whole.delivered),
        ("Agreed to have opens measured", whole.agreed_opens),
        ("Agreed to have links measured", whole.agreed_clicks),
        ("Of these followed a link, as people do", whole.clickers.human),
        ("Left by the link in this mail", whole.departed),
    ]
    context = {
        "issue": issue,
        "figures": [(label, HIDDEN if count is None else f"{count:,}") for label, count in figures],
        "page": settings.SITE_URL + reverse("newsletter_summary", args=[issue.pk]),
    }
    tell(f"The {issue.month.title} e-news in figures", render_to_string("newsletter/email/summary.txt", context))
    return True
