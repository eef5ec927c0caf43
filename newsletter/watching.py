"""Watching: how the sending of an issue is going, counted so rarely that pages may ask every two seconds.

A count reads the ledger's index once (`delivery_counts`). It is kept for all who watch, for two seconds or for many
times as long as it took, whichever is longer: a great ledger is counted less often, and never by two at once. From the
counts that were kept comes the rate.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count as CountOf
from django.template.defaultfilters import pluralize
from django.utils import timezone

from cms import arming
from newsletter import intake, ledger, throttling
from newsletter.flow import ASKED_FOR_LESS, DAY_USED_UP, OUT_OF_REACH
from newsletter.happenings import Happening, happenings
from newsletter.models import DayCount, Delivery, Issue, Mailing

State = Delivery.State
UNDONE = {state.value for state in Delivery.UNFINISHED}
HANDED = (State.SENT, State.FAILED, State.UNKNOWN)  # ended by handing over, not by leaving out

EVERY = 2.0  # seconds for which a count is good
SHARE = 20  # times as long as it took, if that is longer: counting takes at most a twentieth of somebody's time
WINDOW = 30.0  # seconds that the rate of now looks back
STILL = 300.0  # seconds without a movement after which somebody should look at the workers
KEPT = 900  # seconds that a track is kept when nobody looks
FAR = 400 * 86400.0  # seconds; nobody is told of an end further off
UNREAD = 100  # reports that cannot be read; more are not counted
TURN = 60  # seconds that one process may take over a count, before another tries


@dataclass(frozen=True)
class Count:
    """An issue's ledger at one moment (seconds since 1970): deliveries by state, and how many of its editions are begun
    and not done yet, or done."""

    at: float
    states: dict[str, int]
    editions: int = 0
    begun: int = 0
    done: int = 0
    first_retry: datetime | None = None
    last_retry: datetime | None = None

    @property
    def moment(self) -> datetime:
        return _moment(self.at)

    @property
    def unfinished(self) -> int:
        return sum(self.states[state] for state in Delivery.UNFINISHED)

    @property
    def waiting(self) -> int:
        """Not begun, or to be tried again: what cancelling would end."""
        return self.states[State.PENDING] + self.states[State.RETRY_WAIT]

    @property
    def in_hand(self) -> int:
        """In a worker's hands at this moment."""
        return self.states[State.CLAIMED] + self.states[State.SENDING]

    @property
    def handed(self) -> int:
        return sum(self.states[state] for state in HANDED)


@dataclass(frozen=True)
class _Track:
    """What is kept for everybody: the latest count, and points (moment, deliveries handed over) for the rate."""

    count: Count
    good_until: float
    moved_at: float
    points: tuple[tuple[float, int], ...]

    @property
    def rate(self) -> float | None:
        """Messages a second over the last half minute; None until there were two looks."""
        (since, before), (until, after) = self.points[0], self.points[-1]
        return max(0.0, (after - before) / (until - since)) if until > since else None


@dataclass(frozen=True)
class Watch:
    """How a mailing is going. Rates are messages a second; `end` is None when nobody can say."""

    mailing: Mailing
    count: Count
    rate: float | None
    average: float | None
    end: datetime | None
    day_limited: bool  # the end is days away, because of the limit of a day
    problems: list[str]  # in words, what keeps it back
    happenings: list[Happening]

    @property
    def total(self) -> int:
        return self.mailing.frozen

    @property
    def finished(self) -> int:
        return max(0, self.total - self.count.unfinished)

    @property
    def percent(self) -> int:
        """Rounded down: nothing is at 100 % before it is."""
        return 100 * self.finished // self.total if self.total else 100

    @property
    def moving(self) -> bool:
        """Whether more is to be expected at once: it is being sent, or what workers hold is still to end."""
        return self.mailing.state == Mailing.State.SENDING or self.count.in_hand > 0

    @property
    def over(self) -> bool:
        ended = self.mailing.state in {Mailing.State.CANCELLED, Mailing.State.FINISHED}
        return ended and not self.count.unfinished


def watch(issue: Issue, mailing: Mailing, *, now: float | None = None) -> Watch:
    """Say how a mailing is going: at most eight statements, or five when it was counted just now."""
    now = time.time() if now is None else now
    track = _track(issue, mailing, now)
    count, happened = track.count, happenings(issue)
    sending = mailing.state == Mailing.State.SENDING
    rate = track.rate if sending else None
    average = _average(mailing, count, happened, now)
    if not sending:
        return Watch(mailing, count, None, average, None, False, [], happened)
    if silent := arming.silence():
        return Watch(mailing, count, rate, average, None, False, [silent], happened)
    brakes = _brakes(now)
    end, day_limited = _end(count, rate or average, brakes, now)
    return Watch(mailing, count, rate, average, end, day_limited, list(_problems(track, brakes, now)), happened)


def pace(issue: Issue, mailing: Mailing, *, now: float | None = None) -> tuple[Count, float | None]:
    """The latest count and the messages a second, for machines that watch: counted anew only when that is due."""
    track = _track(issue, mailing, time.time() if now is None else now)
    return track.count, track.rate


def count(issue: Issue, now: float | None = None) -> Count:
    """Count an issue's ledger now, in one statement, and two more while something waits to be tried again."""
    rows = Delivery.objects.filter(issue=issue).order_by().values_list("state", "edition").annotate(n=CountOf("*"))
    states = dict.fromkeys(State.values, 0)
    editions: dict[int, set[str]] = defaultdict(set)
    for state, edition, number in rows:
        states[state] += number
        if edition:
            editions[edition].add(state)
    untouched = {State.PENDING.value, State.SKIPPED.value}
    found = Count(
        at=time.time() if now is None else now,
        states=states,
        editions=len(editions),
        begun=sum(bool(used - untouched and used & UNDONE) for used in editions.values()),
        done=sum(not used & UNDONE for used in editions.values()),
    )
    if not states[State.RETRY_WAIT]:
        return found
    last = Delivery.objects.filter(issue=issue, state=State.RETRY_WAIT).order_by("-next_attempt_at")
    return replace(
        found,
        first_retry=ledger.next_turn(issue=issue.pk),
        last_retry=last.values_list("next_attempt_at", flat=True).first(),
    )


def forget(issue: Issue) -> None:
    """Count anew at the next look: somebody has just changed something and wants to see it."""
    if mailing := issue.get_mailing():
        cache.delete(_key(issue, mailing))


def _key(issue: Issue, mailing: Mailing) -> str:
    """Frozen once more (in a restored copy), an issue is another one."""
    return f"newsletter.watching:{issue.pk}:{mailing.frozen_at.timestamp()}"


def _track(issue: Issue, mailing: Mailing, now: float) -> _Track:
    """The track that is kept, with one count more if its time has come and nobody else is counting."""
    key = _key(issue, mailing)
    kept: _Track | None = cache.get(key)
    if kept and now < kept.good_until:
        return kept
    if not cache.add(f"{key}:turn", True, TURN) and kept:
        return kept
    try:
        began = time.monotonic()
        found = count(issue, now)
        good_until = now + max(EVERY, SHARE * (time.monotonic() - began))
        track = _longer(kept, found, good_until)
        cache.set(key, track, KEPT)
    finally:
        cache.delete(f"{key}:turn")
    return track


def _longer(kept: _Track | None, found: Count, good_until: float) -> _Track:
    point = (found.at, found.handed)
    if not kept:
        return _Track(found, good_until, found.at, (point,))
    moved = kept.moved_at if kept.count.states == found.states else found.at
    recent = [one for one in kept.points if one[0] >= found.at - WINDOW] or [kept.points[-1]]
    return _Track(found, good_until, moved, (*recent, point))


def _average(mailing: Mailing, count: Count, happened: Sequence[Happening], now: float) -> float | None:
    """Messages a second since the start, without the time it was held; None when it was opened again for a decision."""
    if not mailing.started_at or any(one.data.get("choice") == "send-again" for one in happened):
        return None
    end = mailing.finished_at.timestamp() if mailing.finished_at else now
    seconds = end - mailing.started_at.timestamp()
    held_since: float | None = None
    for one in happened:
        at = max(one.at, mailing.started_at).timestamp()
        if one.action == "newsletter.pause":
            held_since = at
        elif held_since is not None and one.action in {"newsletter.resume", "newsletter.cancel"}:
            seconds, held_since = seconds - (at - held_since), None
    if held_since is not None:
        seconds -= end - held_since
    return count.handed / seconds if seconds >= 1 and count.handed else None


@dataclass(frozen=True)
class _Brakes:
    """What holds all workers together: the provider's signals, and what is left of the day's limit (None: no limit)."""

    slowed: throttling.Slowed
    hold: float
    left_today: int | None


def _brakes(now: float) -> _Brakes:
    slowed = throttling.read(settings.EMAIL_PROVIDER)
    if not settings.SEND_PER_DAY:
        return _Brakes(slowed, slowed.hold(now), None)
    today = _moment(now).date()
    used = DayCount.objects.filter(pk=today).values_list("used", flat=True).first() or 0
    return _Brakes(slowed, slowed.hold(now), max(0, settings.SEND_PER_DAY - used))


def _problems(track: _Track, brakes: _Brakes, now: float) -> Iterator[str]:
    """What keeps a mailing back that should be moving."""
    if brakes.hold:
        yield (OUT_OF_REACH if brakes.slowed.failures else ASKED_FOR_LESS).format(max(1, round(brakes.hold)))
    elif brakes.slowed.rate:
        yield (
            f"The mail provider asked for less a while ago: at most {brakes.slowed.rate:.1f} messages a second are "
            "handed over, a little more every few seconds."
        )
    if brakes.left_today == 0:
        yield DAY_USED_UP.format(f"{settings.SEND_PER_DAY:,}")
    if unread := intake.unreadable()[:UNREAD].count():
        number = f"{unread} report{pluralize(unread)}" if unread < UNREAD else f"At least {UNREAD} reports"
        yield (
            f"{number} of the mail provider cannot be read, so bounces and complaints may go unnoticed: ask whoever "
            "runs the service to look."
        )
    count = track.count
    only_retries = count.unfinished == count.states[State.RETRY_WAIT]
    explained = brakes.hold or brakes.left_today == 0 or only_retries
    if not explained and count.at - track.moved_at >= STILL:
        yield (
            f"Nothing has moved for {int(now - track.moved_at) // 60} minutes: ask whoever runs the service whether "
            "the workers are running."
        )


def _end(count: Count, rate: float | None, brakes: _Brakes, now: float) -> tuple[datetime | None, bool]:
    """When the last delivery will have ended as things go, and whether the day's limit puts that off by days."""
    left, today = count.unfinished, brakes.left_today
    if today is not None and left > today:
        return _moment(now) + timedelta(days=math.ceil((left - today) / settings.SEND_PER_DAY)), True
    if not rate or not left:
        return None, False
    end = _moment(now) + timedelta(seconds=min(left / rate + brakes.hold, FAR))
    return max(end, count.last_retry or end), False


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(now, tz=timezone.get_default_timezone())
