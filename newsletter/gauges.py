"""Gauges: how the work stands, in figures for whoever watches the service. Nothing about anybody.

Each function is one or two statements over indexes as small as the work that is left; counts end at `MOST`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms import arming
from newsletter import daily, judging, throttling, watching
from newsletter.models import Delivery, Hit, Issue, Lease, Mailing, RawReport, Rollup

MOST = 100_000  # nobody needs to know more than that it is too much
SHOWN = 5  # mailings that are told about, the latest; usually one is under way
GRACE = timedelta(minutes=2)  # the sweep comes every minute
LATELY = timedelta(hours=24)  # for which a mailing that ended is still told about
OPEN = (Mailing.State.FROZEN, Mailing.State.SENDING, Mailing.State.PAUSED)
IN_HAND = (Delivery.State.CLAIMED, Delivery.State.SENDING)


@dataclass(frozen=True)
class Backlog:
    """Things that wait: how many, and for how many seconds the oldest."""

    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Progress:
    """One mailing: its issue's period, its state, deliveries by state, and messages a second when that is known."""

    period: str
    state: str
    deliveries: dict[str, int]
    rate: float | None


def armed() -> bool:
    """Whether this installation may mail members at all."""
    return not arming.silence()


def scheduled() -> bool:
    """Whether a beat process is the scheduler now."""
    return Lease.objects.filter(pk="beat", until__gt=Now()).exists()


def oldest_pending() -> float:
    """For how many seconds a mailing has been under way of which something has not been begun; 0 when all has."""
    pending = Delivery.objects.filter(issue=OuterRef("pk"), state=Delivery.State.PENDING)
    waiting = Mailing.objects.filter(Exists(pending), state=Mailing.State.SENDING)
    return age(waiting.aggregate(since=Min("started_at"))["since"]) or 0.0


def stuck() -> int:
    """Deliveries in the hands of a worker that has been gone for a while, and that no sweep has found."""
    return _capped(Delivery.objects.filter(state__in=IN_HAND, lease_until__lt=timezone.now() - GRACE))


def unknown() -> int:
    """Deliveries that wait for proof or for a decision."""
    return _capped(Delivery.objects.filter(state=Delivery.State.UNKNOWN))


def reports() -> Backlog:
    """Reports of the mail provider that nobody has read yet."""
    return _backlog(RawReport.objects.filter(processed_at=None, problem=""), "received_at", "pk")


def unreadable() -> int:
    """Reports of the mail provider that were given up."""
    return _capped(RawReport.objects.filter(processed_at=None).exclude(problem=""))


def unjudged() -> Backlog:
    """Opens and clicks of which nobody has judged whether a person made them."""
    return _backlog(Hit.objects.filter(verdict="").annotate(known=judging.KNOWN), "known", "known")


def stale_totals() -> Backlog:
    """Issues whose totals have not been counted since something came in."""
    found = Rollup.objects.filter(stale_since__isnull=False).aggregate(count=Count("pk"), since=Min("stale_since"))
    return Backlog(found["count"], age(found["since"]) or 0.0)


def daily_age() -> float | None:
    """Seconds since the last complete daily run (retention, the yearly question); None when there was none."""
    done = ModelLogEntry.objects.filter(action=daily.DONE).order_by("-timestamp").values_list("timestamp", flat=True)
    return age(done.first())


def hold() -> float:
    """For how many seconds the mail provider wants nothing from us."""
    return throttling.read(settings.EMAIL_PROVIDER).hold(timezone.now().timestamp())


def progress() -> list[Progress]:
    """The mailings under way and those that ended lately. Counted for all who watch, at most a twentieth of the time
    (`watching.py`); at most `SHOWN` of them."""
    lately = timezone.now() - LATELY
    rows = Mailing.objects.filter(state__in=OPEN) | Mailing.objects.filter(finished_at__gt=lately)
    shown = rows.select_related("issue").order_by("-frozen_at")[:SHOWN]
    return [_progress(mailing.issue, mailing) for mailing in shown]


def _progress(issue: Issue, mailing: Mailing) -> Progress:
    try:
        count, rate = watching.pace(issue, mailing)
    except Exception:  # whatever the cache raises when it is out of reach
        count, rate = watching.count(issue), None
    return Progress(issue.period, mailing.state, count.states, rate)


def _backlog(rows: QuerySet[Any], moment: str, order: str) -> Backlog:
    count = _capped(rows)
    return Backlog(count, (age(rows.order_by(order).values_list(moment, flat=True).first()) or 0.0) if count else 0.0)


def _capped(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:MOST].count()


def age(since: datetime | None) -> float | None:
    """Seconds since a moment; None when there was none."""
    return max(0.0, (timezone.now() - since).total_seconds()) if since else None
