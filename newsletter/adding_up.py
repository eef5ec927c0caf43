"""Adding up: one issue's totals from ledger, provider events and hits, by the database and for the whole issue at once.

A fixed number of statements, whatever was sent (`tallies.py` has them). Counting may take seconds: workers do it, in
the background, and reports read only what was counted last.
"""

import time
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from newsletter import engaging, tallies
from newsletter.models import Mailing, Rollup, Total
from newsletter.sql import hold

EVERY = timedelta(minutes=5)  # an issue is not counted more often, however much comes in
ANYHOW = timedelta(hours=20)  # and so often at least while anything can change, such as the sectors of members
ALIVE = timedelta(days=92)  # after sending began; by then the raw hits have gone
LOCK = 7001  # the first half of the number of a lock; the other is the issue


def add_up(issue: int, *, wait: bool = True) -> bool:
    """Count an issue's totals. Returns whether it was done: not once the rollup is closed, and not while another
    process is counting it, unless this one may wait."""
    Rollup.objects.get_or_create(pk=issue)
    with transaction.atomic():
        if not hold(LOCK, issue, wait=wait):
            return False
        seen = Rollup.objects.get(pk=issue)
        if seen.closed_at:
            return False
        counted_at = timezone.now()
        count(issue)
        rollup = Rollup.objects.filter(pk=issue)
        rollup.update(counted_at=counted_at)
        # What was marked since is not counted yet (`stale.py`).
        rollup.filter(stale_since=seen.stale_since).update(stale_since=None)
        return True


def due() -> QuerySet[Mailing]:
    """Sent issues whose totals are to be counted now, those that have waited longest first."""
    now = timezone.now()
    rested = Q(issue__rollup__counted_at__lt=now - EVERY)
    moved = (
        Q(issue__rollup__stale_since__isnull=False)
        | Q(state=Mailing.State.SENDING)
        | Q(finished_at__gt=F("issue__rollup__counted_at"))
        | Q(issue__rollup__counted_at__lt=now - ANYHOW, started_at__gt=now - ALIVE)
    )
    uncounted = Q(issue__rollup=None) | Q(issue__rollup__counted_at=None)
    return (
        Mailing.objects.filter(started_at__isnull=False, issue__rollup__closed_at=None)
        .filter(uncounted | (rested & moved))
        .order_by(F("issue__rollup__counted_at").asc(nulls_first=True), "pk")
    )


def add_up_stale(limit: int = 5, seconds: float = 30) -> list[int]:
    """Count what is due, at most `limit` issues, beginning none after so many seconds; return which were counted."""
    deadline = time.monotonic() + seconds
    counted = []
    for issue in due().values_list("pk", flat=True)[:limit]:
        if time.monotonic() > deadline:
            break
        if add_up(issue, wait=False):
            counted.append(issue)
    if counted:
        engaging.add_up_engagement()
    return counted


def count(issue: int) -> None:
    """Replace an issue's totals. The caller holds the issue, within a transaction."""
    Total.objects.filter(issue=issue).exclude(dimension=Total.Dimension.ENGAGED).delete()
    tallies.insert_totals(issue)
