"""Signs of life of worker and beat processes, and of the tick: who was there, and when, by the database's clock."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q
from django.db.models.functions import Now

from newsletter.models import Heartbeat

EVERY = 30  # seconds between two signs of a process
LOST = 120  # seconds without one, after which a process counts as gone
FORGOTTEN = timedelta(days=1)
TICK = "tick"  # the kind, and the name, of what shows that beat, broker and a worker work together


@dataclass(frozen=True)
class Life:
    """Of one kind: how many processes have shown themselves lately, and when the latest did."""

    alive: int = 0
    latest: datetime | None = None


def process_name(kind: str) -> str:
    """A name that no other process has at this time."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"[:100]


def beat(name: str, kind: str) -> None:
    """Note that a process lives: one statement, and two more for a new one, which also forgets those long gone."""
    if Heartbeat.objects.filter(pk=name).update(at=Now(), kind=kind):
        return
    Heartbeat.objects.bulk_create([Heartbeat(name=name, kind=kind, at=Now())], ignore_conflicts=True)
    Heartbeat.objects.filter(at__lt=Now() - FORGOTTEN).exclude(kind=TICK).delete()  # how long ago it was is told


def leave(name: str) -> None:
    """Note that a process has ended in good order."""
    Heartbeat.objects.filter(pk=name).delete()


def lives() -> dict[str, Life]:
    """Who lives, by kind: one statement over a table with a row per process of the last day."""
    lately = Q(at__gt=Now() - timedelta(seconds=LOST))
    rows = Heartbeat.objects.values_list("kind").annotate(n=Count("pk", filter=lately), latest=Max("at")).order_by()
    return {kind: Life(alive, latest) for kind, alive, latest in rows}
