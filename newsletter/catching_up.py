"""What a copy of an older state must catch up with before it may mail: what has become of people, and of issues.

Erasures, suppressions and leaving are in the journal. Of issues nothing is known outside the database: whatever had not
ended when the copy was taken may have been sent since. So it becomes unknown, which no automatic act sends again; no
moment that was set starts anything; and new deliveries get numbers that no lost one can have had (ADR 27).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from wagtail.log_actions import log

from cms.models import Disarmed
from membership.replaying import Replayed, replay
from newsletter import ledger
from newsletter.models import Delivery, Heartbeat, Issue, Lease, Mailing, NewsletterSettings, Schedule
from newsletter.sql import leave_gap

OPEN = (Mailing.State.FROZEN, Mailing.State.SENDING, Mailing.State.PAUSED)
GAP = 10_000_000  # deliveries at most that can have been made after the copy was taken
RESTORED = "newsletter.restore"
NAMED = 24  # issues that are named


@dataclass(frozen=True)
class CaughtUp:
    """What was done: the replay; by issue, deliveries that need a decision; issues whose moment was taken away; and
    issues that have not been sent as far as this copy knows."""

    replayed: Replayed
    doubted: dict[str, int]
    held: list[str]
    unsent: list[str]


def catch_up(journal: Path | None = None) -> CaughtUp:
    """Catch up once with everything; a copy that has done so is left to people. May be killed and run again."""
    copy = Disarmed.objects.filter(behind=True).first()
    taken_at = copy.taken_at if copy else None
    replayed = replay(journal)
    if not copy:
        return CaughtUp(replayed, {}, [], [])
    held = _hold_schedules(taken_at)
    doubted = {issue.period: _hold(issue, taken_at) for issue in Issue.objects.filter(mailing__state__in=OPEN)}
    Delivery.objects.filter(state=Delivery.State.UNKNOWN).exclude(provider="").update(provider="")
    leave_gap(Delivery._meta.db_table, GAP)
    Lease.objects.all().delete()
    Heartbeat.objects.all().delete()
    # The note is what the pre-flight warns by.
    moments = {"taken_at": taken_at.isoformat() if taken_at else "", "restored_at": timezone.now().isoformat()}
    log(NewsletterSettings.load(), RESTORED, data=moments | {"since": _since(taken_at)})
    unsent = Issue.objects.filter(mailing=None).order_by("-period").values_list("period", flat=True)[:NAMED]
    return CaughtUp(replayed, doubted, held, list(unsent))


def words(moment: datetime) -> str:
    return date_format(timezone.localtime(moment, ZoneInfo(settings.TIME_ZONE)), "j F Y, H:i")


def _since(taken_at: datetime | None) -> str:
    return f"of {words(taken_at)}" if taken_at else "of an earlier moment"


def _hold_schedules(taken_at: datetime | None) -> list[str]:
    """Take every moment away that has not led to a sending: the issue may have gone out at it."""
    trouble = f"This is a copy {_since(taken_at)}: look in the mail provider’s log whether it was sent since."
    not_begun = Q(issue__mailing=None) | Q(issue__mailing__state=Mailing.State.FROZEN)
    waiting = Schedule.objects.filter(not_begun, missed_at=None)
    names = list(waiting.order_by("send_at").values_list("issue__period", flat=True))
    waiting.update(missed_at=timezone.now(), trouble=trouble)
    return names


def _hold(issue: Issue, taken_at: datetime | None) -> int:
    because = (
        f"Paused because this is a copy {_since(taken_at)}: what had not been sent then may have been sent since. "
        "Decide about its deliveries, then resume."
    )
    Mailing.objects.filter(pk=issue.pk).update(state=Mailing.State.PAUSED, held_because=because)
    doubted = ledger.doubt(issue=issue.pk)
    if doubted:
        log(issue, "newsletter.pause", data={"reason": because})
    return doubted
