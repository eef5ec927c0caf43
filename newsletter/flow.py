"""Flow control: how many messages may be handed over now, by everything that limits us (ADR 13).

    look, claim_size and slots once per claim · grant, then tell (succeeded, throttled, unavailable) per group

What limits all workers together stands in the database (`pacing.py`, `domains.py`, `throttling.py`). No statement is
made for a limit that is not set; with none set, the look is the only one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from newsletter import domains, pacing, throttling
from newsletter.throttling import Slowed
from newsletter.transports.base import Outcome, Result

ALL = "all"  # the name in `Pace` of what goes out altogether
SOON = domains.SOON  # seconds; a domain's slot nearer than this is booked, a later one says when to ask again
PATIENCE = 60.0  # seconds a worker may be told to wait for its grant, well within a lease
CLAIM_SECONDS = 10.0  # worth of messages in a claim while a rate is in force: the look must not be long ago
LOOK_EVERY = 5.0  # seconds between looks while a rate is in force, when a claim takes long
MOST_UNKNOWN, MOST_FAILED = 60, 100  # without one accepted in between: more than one call of 50 people must go wrong

ASKED_FOR_LESS = "The mail provider asked for less: sending goes on in {} seconds."
OUT_OF_REACH = "The mail provider is out of reach: it is tried again in {} seconds."
OTHERS_FIRST = "The sending rate leaves no turn for this worker within the next minute."
DAY_USED_UP = "Today's limit of {} messages is reached: sending goes on after midnight."
TOO_MANY_UNKNOWN = "Of {} messages in a row it is not known whether the provider took them: look at the first of them."
TOO_MANY_FAILED = "{} messages in a row were refused: look at the reasons before sending goes on."


@dataclass(frozen=True)
class Hold:
    """Nothing may be handed over for `wait` seconds, and why."""

    wait: float
    reason: str


@dataclass(frozen=True)
class Grant:
    """`count` messages may be handed over after `wait` seconds.

    With a count of 0, `reason` says why, and `wait` when to ask again.
    """

    count: int
    wait: float = 0.0
    reason: str = ""
    day: date | None = None  # whose cap the messages were counted against


class Flow:
    """What one worker asks and tells. Cheap to make; remembers the last look."""

    def __init__(self, provider: str, clock: Callable[[], float] = time.time) -> None:
        self.provider, self.clock = provider, clock
        self.configured: float | None = settings.SEND_RATE_PER_SECOND or None
        self.per_day: int = settings.SEND_PER_DAY
        self.domain_rates = domains.parse_domain_rates(settings.SEND_DOMAIN_RATES)
        self.slowed = Slowed()
        self.looked_at = self.raised_at = 0.0
        self.taken = 0  # messages since the last look
        self.seen: float | None = None  # messages a second that this worker got rid of, between the last two looks

    @property
    def rate(self) -> float | None:
        """Messages a second of all workers together, as of the last look; None for no limit."""
        return min((rate for rate in (self.configured, self.slowed.rate) if rate), default=None)

    def look(self) -> Hold | None:
        """Read what the provider's answers to any worker have slowed us to. Returns the hold in force, if any."""
        now = self.clock()
        if self.taken and now > self.looked_at:
            self.seen, self.taken = self.taken / (now - self.looked_at), 0
        self.slowed, self.looked_at = throttling.read(self.provider), now
        return self._hold()

    def claim_size(self, most: int) -> int:
        """Say how many rows to claim, so that looks and slots are asked for often enough. No statement."""
        rate, seconds = self.rate, CLAIM_SECONDS
        if self.domain_rates:
            rate, seconds = min((one for one in (self.rate, self.seen) if one), default=None), domains.STRETCH
        return min(most, max(1, int(rate * seconds))) if rate else most

    def grant(self, wanted: int) -> Grant:
        """Say how many of `wanted` messages may go, and when: at most a second's worth, and within the day's cap.

        Where the provider asked for less, turns begin after that. Whether to wait for one out of reach is the caller's
        choice (`look`).
        """
        if self.rate and self.clock() - self.looked_at >= LOOK_EVERY:
            self.look()
        hold = None if self.slowed.failures else self._hold()
        if hold and hold.wait > PATIENCE:
            return Grant(0, hold.wait, hold.reason)
        now, wait = self.clock(), hold.wait if hold else 0.0
        if rate := self.rate:
            wanted = min(wanted, max(1, int(rate)))
            starts = pacing.book({ALL: wanted / rate}, now=now + wait, within=PATIENCE - wait)
            if ALL not in starts:
                return Grant(0, PATIENCE, OTHERS_FIRST)
            wait = starts[ALL] - now
        if not self.per_day:
            return Grant(wanted, wait)
        moment = datetime.fromtimestamp(now + wait, tz=timezone.get_default_timezone())
        count = pacing.take_from_day(moment.date(), wanted=wanted, cap=self.per_day)
        if not count:
            return Grant(0, wait + _until_midnight(moment), DAY_USED_UP.format(self.per_day))
        return Grant(count, wait, day=moment.date())

    def give_back(self, grant: Grant, unused: int) -> None:
        """Say that so many of a grant were not handed over after all, so that they do not use up the day's cap."""
        if grant.day and unused > 0:
            pacing.give_back_to_day(grant.day, unused)

    def slots(self, recipient_domains: Sequence[str]) -> list[float]:
        """Say for each message of a claim, by its recipient's domain, in how many seconds it may go.

        A slot nearer than SOON is booked and the caller's to use. A later one is not: ask again then.
        """
        return domains.slots(recipient_domains, rates=self.domain_rates, now=self.clock())

    def throttled(self, retry_after: float | None, observed: float | None = None) -> Hold | None:
        """The provider asked for less: hold, and halve the rate. Call it once per group, with the longest Retry-After.

        `observed`: the messages a second that were going out; else it goes by what this worker got rid of between its
        looks. Returns the hold now in force.
        """
        base = min((rate for rate in (self.configured, observed or self.seen) if rate), default=None)
        now = self.clock()
        self.slowed = throttling.slow_down(self.provider, now=now, retry_after=retry_after, base=base)
        return self._hold()

    def succeeded(self, count: int) -> None:
        """So many messages were taken: raise a slowed rate step by step, and forget failures. Mostly no statement."""
        now = self.clock()
        self.taken += count
        slow = self.slowed.rate is not None and now - self.raised_at >= throttling.RAISE_EVERY
        if count and (slow or self.slowed.failures):
            self.raised_at = now
            raised = throttling.speed_up(self.provider, now=now, configured=self.configured)
            self.slowed = raised or self.slowed

    def unavailable(self) -> bool:
        """Nothing could be handed over at all. Returns True when it was so five times in a row: pause the mailing.

        Until then there is a hold, longer each time, that the next look returns.
        """
        return throttling.count_failure(self.provider, now=self.clock())

    def _hold(self) -> Hold | None:
        wait = self.slowed.hold(self.clock())
        reason = OUT_OF_REACH if self.slowed.failures else ASKED_FOR_LESS
        return Hold(wait, reason.format(max(1, round(wait)))) if wait else None


class Breaker:
    """Notices that sending goes wrong for everybody, by the outcomes of one worker."""

    def __init__(self) -> None:
        self.unknown = self.failed = 0

    def note(self, outcome: Outcome) -> str:
        """Count an outcome. Returns a sentence when sending must pause, else nothing; a message sent counts anew."""
        if outcome.result == Result.SENT:
            self.unknown = self.failed = 0
        self.unknown += outcome.result == Result.UNKNOWN
        self.failed += outcome.result == Result.FAILED
        if self.unknown >= MOST_UNKNOWN:
            return TOO_MANY_UNKNOWN.format(self.unknown)
        return TOO_MANY_FAILED.format(self.failed) if self.failed >= MOST_FAILED else ""


def _until_midnight(moment: datetime) -> float:
    midnight = datetime.combine(moment.date() + timedelta(days=1), datetime.min.time(), tzinfo=moment.tzinfo)
    return midnight.timestamp() - moment.timestamp()
