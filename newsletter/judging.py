"""Judging: once their window has closed, hits are said to be a person's, a machine's, or neither for sure (`rules.py`).

In batches of one transaction and a fixed number of statements each; may be killed anywhere, run twice, and by several
at once. With the verdict goes what was left of the network, and looks at the page to leave go altogether.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from newsletter import rules
from newsletter.models import Delivery, Hit
from newsletter.rules import Judgement, Seen
from newsletter.sql import changed, rows_of
from newsletter.stale import mark_stale

WINDOW = timedelta(minutes=30)  # after we came to know of a hit, in which evidence about it may still come
SETTLED = WINDOW - rules.LONGEST  # hits older than that are looked at: they may be evidence about those judged now
KNOWN = Coalesce("reported_at", "at")  # when we came to know of a hit: a provider may tell hours later, one by one
BATCH = 2000  # hits whose window has closed, the oldest first; those joined to them come along
MOST = 10_000  # hits read in one batch: SQLite takes 32,766 values in a statement
FIELDS = ("pk", "what", "link_id", "at", "signals", "network", "verdict", "reason")


@dataclass(frozen=True)
class Judged:
    """What one batch came to: hits whose window had closed, and hits judged."""

    due: int = 0
    judged: int = 0


def judge_due(seconds: float = 20) -> int:
    """Judge every hit whose window has closed, or as many as there is time for. Returns how many."""
    total, until = 0, time.monotonic() + seconds
    while (done := judge_batch()).due:
        total += done.judged
        if time.monotonic() > until:
            break
    return total


@transaction.atomic
def judge_batch() -> Judged:
    now = timezone.now()
    closed = Hit.objects.alias(known=KNOWN).filter(verdict="", known__lte=now - WINDOW).order_by("known", "pk")
    due = list(closed.values_list("delivery", flat=True)[:BATCH])
    if not due:
        return Judged()
    waiting, closed_now = _waiting(set(due), before=now - SETTLED, closed=now - WINDOW)
    taken = {delivery: _joined(hits, closed_now) for delivery, hits in waiting.items()}
    facts = _facts(waiting)
    known = _known(waiting)
    judged: list[tuple[int, Judgement]] = []
    looks: list[int] = []
    for delivery, hits in waiting.items():
        found = rules.judge([*hits, *known[delivery]], facts[delivery][1])
        judged += [(hit.pk, found[hit.pk]) for hit in taken[delivery] if hit.what != Hit.What.LEAVE]
        looks += [hit.pk for hit in taken[delivery] if hit.what == Hit.What.LEAVE]
    written = _write(judged)
    Hit.objects.filter(pk__in=looks).delete()
    mark_stale(facts[delivery][0] for delivery, hits in taken.items() if any(hit.what != "leave" for hit in hits))
    return Judged(len(due), written)


def _waiting(deliveries: set[int], *, before: datetime, closed: datetime) -> tuple[dict[int, list[Seen]], set[int]]:
    """Hits of these deliveries that wait to be judged, by delivery and in the order they were made; and which of them
    are such that their window has closed. They are held: of two processes with the same ones, one waits for the other
    and then finds them judged."""
    rows = Hit.objects.filter(delivery__in=deliveries, verdict="", at__lte=before).order_by("at", "pk")
    held = rows.select_for_update().annotate(known=KNOWN).values_list("delivery_id", "known", *FIELDS)
    found, due = defaultdict(list), set()
    for delivery, known, pk, *values in held[:MOST]:
        found[delivery].append(Seen(pk, *values))
        if known <= closed:
            due.add(pk)
    return found, due


def _known(waiting: dict[int, list[Seen]]) -> dict[int, list[Seen]]:
    """Hits near those that were judged before: evidence, as far as it is still there."""
    found: dict[int, list[Seen]] = defaultdict(list)
    if not waiting:
        return found
    first = min(hits[0].at for hits in waiting.values()) - rules.LONGEST
    last = max(hits[-1].at for hits in waiting.values()) + rules.LONGEST
    rows = Hit.objects.filter(delivery__in=waiting, at__range=(first, last)).exclude(verdict="").order_by("at", "pk")
    for delivery, *values in rows.values_list("delivery_id", *FIELDS)[:MOST]:
        found[delivery].append(Seen(*values))
    return found


def _facts(deliveries: Iterable[int]) -> dict[int, tuple[int, datetime | None]]:
    """Issue and hand-over of each delivery."""
    rows = Delivery.objects.filter(pk__in=list(deliveries)).values_list("pk", "issue_id", "handed_at")
    return {pk: (issue, handed_at) for pk, issue, handed_at in rows}


def _joined(hits: Sequence[Seen], due: set[int]) -> list[Seen]:
    """Those whose window has closed, and those that were made right before or after: a burst is judged as one."""
    bursts: list[list[Seen]] = []
    for hit in hits:
        if not bursts or hit.at - bursts[-1][-1].at > rules.JOINED:
            bursts.append([])
        bursts[-1].append(hit)
    return [hit for burst in bursts if any(one.pk in due for one in burst) for hit in burst]


def _write(judged: Sequence[tuple[int, Judgement]]) -> int:
    if not judged:
        return 0
    rows, values = rows_of(["bigint", "varchar", "varchar"], [(pk, *judgement) for pk, judgement in judged])
    return changed(
        f"""
        UPDATE newsletter_hit SET verdict = said.column2, reason = said.column3, rules = %s, network = NULL
        FROM {rows} AS said WHERE newsletter_hit.id = said.column1 AND newsletter_hit.verdict = ''
        """,  # noqa: S608  our own constants only
        [rules.VERSION, *values],
    )
