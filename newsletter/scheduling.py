"""When an approved issue is sent: a moment that somebody chose, kept in the database, looked at by every tick.

A moment that passed more than a day ago (the scheduler was down, or this is a restored copy) starts nothing: people
are told, and somebody chooses a new one (quality.md 14).
"""

import logging
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from wagtail.log_actions import log

from membership.models import User
from newsletter.compiling import IssueError
from newsletter.models import Issue, Mailing, NewsletterSettings, Schedule
from newsletter.rendering import RenderError
from newsletter.sending import start
from newsletter.telling import tell
from newsletter.transports.base import TransportUnavailable

logger = logging.getLogger(__name__)

LATE_AT_MOST = timedelta(hours=24)
AHEAD_AT_MOST = timedelta(days=92)


def usual_moment(issue: Issue, chosen: NewsletterSettings | None = None) -> datetime:
    """When an issue is sent unless somebody says otherwise: on the day and hour of the settings in the month after its
    own, or at that hour next if this has passed."""
    # In London, wherever the person who looks has set their admin to be.
    here = ZoneInfo(settings.TIME_ZONE)
    chosen, now = chosen or NewsletterSettings.load(), timezone.localtime(timezone=here)
    hour = time(chosen.send_hour)
    planned = timezone.make_aware(datetime.combine(issue.month.next.first_day.replace(day=chosen.send_day), hour), here)
    if planned > now and not issue.is_correction:
        return planned
    today = timezone.make_aware(datetime.combine(now.date(), hour), here)
    if today > now:
        return today
    return timezone.make_aware(datetime.combine(now.date() + timedelta(days=1), hour), here)


def schedule(issue: Issue, send_at: datetime, *, by: User | None) -> Schedule:
    """Set or change when an approved issue is sent. A moment that has just passed means now.

    Raises IssueError when it is not approved, frozen already, or the moment lies too far away.
    """
    now = timezone.now()
    if send_at < now - timedelta(hours=1):
        raise IssueError("That moment has passed: choose one that is still to come.")
    if send_at > now + AHEAD_AT_MOST:
        raise IssueError("That is more than three months away: choose an earlier moment.")
    with transaction.atomic():
        locked = Issue.objects.select_for_update(of=("self",)).get(pk=issue.pk)
        if locked.get_mailing():
            raise IssueError(f"The issue {issue.period} has been frozen for sending already.")
        if not locked.is_approved:
            raise IssueError(f"The issue {issue.period} is not approved: approve it before setting when it is sent.")
        values = {"send_at": send_at, "by": by, "set_at": now, "missed_at": None, "trouble": ""}
        planned, _ = Schedule.objects.update_or_create(issue=locked, defaults=values)
        log(locked, "newsletter.schedule", user=by, data={"send_at": _words(send_at)})
    return planned


def unschedule(issue: Issue, *, by: User | None) -> None:
    """Take the moment away: the issue stays approved, and waits. Raises IssueError when there is none."""
    with transaction.atomic():
        gone, _ = Schedule.objects.filter(pk=issue.pk, issue__mailing__isnull=True).delete()
        if not gone:
            raise IssueError(f"The issue {issue.period} is not waiting for a moment to be sent.")
        log(issue, "newsletter.unschedule", user=by)


def start_due() -> list[str]:
    """Start every issue whose moment has come, and return their names. May be run twice, and by two at once."""
    now = timezone.now()
    # One that is frozen was so by command, or by a process that was killed before it could open it.
    not_begun = Q(issue__mailing__isnull=True) | Q(issue__mailing__state=Mailing.State.FROZEN)
    waiting = Schedule.objects.filter(not_begun, missed_at=None, send_at__lte=now).select_related("issue")
    started = []
    for planned in waiting.order_by("send_at")[:10]:
        if planned.send_at < now - LATE_AT_MOST:
            _miss(planned)
        elif _start(planned):
            started.append(planned.issue.period)
    return started


def _start(planned: Schedule) -> bool:
    # An earlier one may have been freezing for a while: somebody may have moved this one's moment since it was read.
    if not Schedule.objects.filter(pk=planned.pk, send_at=planned.send_at, missed_at=None).exists():
        return False
    try:
        start(planned.issue)
    except (IssueError, RenderError, TransportUnavailable, ValueError) as error:
        _note_trouble(planned, str(error))
        return False
    except Exception as error:  # whatever is wrong with one issue, the others and their recovery go on
        logger.exception("issue %s could not be started", planned.issue.period)
        _note_trouble(planned, f"Something went wrong ({type(error).__name__}): ask whoever runs the service.")
        return False
    return True


def _note_trouble(planned: Schedule, trouble: str) -> None:
    logger.error("issue %s was not started: %s", planned.issue.period, trouble)
    if Schedule.objects.filter(pk=planned.pk).exclude(trouble=trouble[:300]).update(trouble=trouble[:300]):
        _tell(planned, f"It could not be started: {trouble} It is tried again every minute for a day.")


def _miss(planned: Schedule) -> None:
    if Schedule.objects.filter(pk=planned.pk, missed_at=None).update(missed_at=timezone.now()):
        act = "press “Send it now”" if planned.issue.get_mailing() else "choose a new moment"
        _tell(
            planned,
            f"It should have been sent on {_words(planned.send_at)}, and was not. Nothing is sent by itself so "
            f"much later: {act}.",
        )


def _tell(planned: Schedule, sentence: str) -> None:
    issue = planned.issue
    page = settings.SITE_URL + reverse("newsletter_issue", args=[issue.pk])
    tell(f"The {issue.month.title} e-news has not been sent", f"{sentence}\n\n{page}\n")


def _words(moment: datetime) -> str:
    return date_format(timezone.localtime(moment, ZoneInfo(settings.TIME_ZONE)), "j F Y, H:i")
