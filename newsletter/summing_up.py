"""Summing up: three days after an issue was sent, its main figures are mailed to those who hear of issues, and to its
editors. Once; again only where nobody could be reached, or a process was killed before it had noted it."""

from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import PageLogEntry

from cms.groups import AUTHORS_GROUP
from newsletter.adding_up import add_up
from newsletter.hiding import HIDDEN
from newsletter.models import Issue
from newsletter.reporting import report
from newsletter.sql import hold
from newsletter.telling import tell

SUMMED_UP = "newsletter.summary"  # in the issue's log: its summary has been mailed
AFTER = timedelta(days=3)  # by then most of those who read it have
AGAIN = 3600  # seconds, after which it is tried again
LOCK = 7003  # the first half of the number of a lock; the other is the issue
TOO_LATE = timedelta(days=30)  # a month later nobody waits for it any more


def sum_up_due() -> list[str]:
    """Mail the summaries that are due, whatever day was missed. Returns of which issues."""
    now = timezone.now()
    done = Exists(PageLogEntry.objects.filter(page=OuterRef("pk"), action=SUMMED_UP))
    due = Issue.objects.sent().filter(~done, mailing__finished_at__range=(now - TOO_LATE, now - AFTER))
    return [issue.period for issue in due.order_by("period") if _sum_up(issue)]


def _sum_up(issue: Issue) -> bool:
    if not cache.add(f"newsletter.summing_up:{issue.pk}", True, AGAIN):
        return False
    add_up(issue.pk)
    with transaction.atomic():  # nobody waits for it: the mail may take long
        if not hold(LOCK, issue.pk, wait=False):
            return False
        if PageLogEntry.objects.filter(page=issue.pk, action=SUMMED_UP).exists() or not _mail(issue):
            return False
        log(issue, SUMMED_UP)
    return True


def _mail(issue: Issue) -> int:
    """Returns how many people it was mailed to."""
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
    text = render_to_string("newsletter/email/summary.txt", context)
    return tell(f"The {issue.month.title} e-news in figures", text, also=[AUTHORS_GROUP])
