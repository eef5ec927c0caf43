"""Which events strike a scenario: dealt from shuffled decks, so that a series of 20 has every event at least once.

A scenario depends on the seed of its series and on its number alone: either repeats it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

SCENARIOS = 20
PROVIDERS = ("smtp", "http")

# What strikes once, at a moment of the send (`events.py`), by whom it strikes.
WORKERS = (
    "killed_before_its_claim",
    "killed_after_its_claim",
    "killed_before_its_mark",
    "killed_after_its_mark",
    "killed_handing_over",
    "killed_before_its_record",
    "killed_after_its_record",
    "two_killed_at_once",
    "frozen_and_revived",
    "deployed",
)
SERVICES = ("broker_emptied", "broker_restarted", "database_restarted", "database_crashed", "")
TASKS = ("task_five_times", "operator_sends_too", "")
PEOPLE = ("members_leave", "members_pause", "members_erased", "members_suppressed", "members_choose_anew")
STEERING = ("issue_paused", "issue_edited", "entry_edited")
WEBHOOKS = (
    "reports_early",
    "reports_fifty_fold",
    "reports_forged",
    "reports_unknown",
    "reports_huge",
    "reports_reversed",
)
# What the provider does wrong by itself: to a call or message of its own number, or for some people each time.
FAULTS = {
    "smtp": ("421", "4xx", "5xx", "hang", "reset-before", "reset-after", "drop-after-data", "no-reply"),
    "http": (
        *("429", "4xx", "502", "5xx", "5xx-after", "hang", "hang-after", "reset-before", "reset-after"),
        *("drop-reply", "rubbish", "partial"),
    ),
}
LASTS = {"hang": 3, "hang-after": 3, "no-reply": 3}  # seconds, more than is waited for an answer
FOR_SOME = {("smtp", "5xx"), ("http", "4xx")}  # refusals for good, of the same people each time
SHARE = 0.02  # of all people
CALLS = {"smtp": 150, "http": 8}  # messages or calls among which a fault finds its own


@dataclass(frozen=True)
class Strike:
    """An event, and the share of the messages that has been accepted when it strikes."""

    event: str
    moment: float


@dataclass(frozen=True)
class Plan:
    """A scenario. `misbehave` is what the provider's simulator is told."""

    seed: int
    number: int
    provider: str
    misbehave: str
    strikes: Sequence[Strike]

    @property
    def events(self) -> list[str]:
        return [strike.event for strike in self.strikes]

    @property
    def faults(self) -> list[str]:
        """The kinds of what the provider does wrong."""
        return [part.partition("=")[0] for part in self.misbehave.split(",")]

    @property
    def command(self) -> str:
        """What repeats it."""
        return f"python -m benchmarks.chaos --seed {self.seed} --only {self.number}"


def plan(seed: int, number: int) -> Plan:
    """Make scenario `number` (from 1) of a series: the first ten of twenty by SMTP, the others by a provider's API."""
    half = SCENARIOS // 2
    provider = PROVIDERS[(number - 1) // half % len(PROVIDERS)]
    turn = (number - 1) // SCENARIOS * half + (number - 1) % half  # the how-manieth with this provider

    def deal(name: str, cards: Sequence[str], count: int) -> list[str]:
        start = turn * count
        return list(islice(_deck(f"{seed}/{provider}/{name}", cards), start, start + count))

    chance = Random(f"{seed}/{number}")
    events = deal("workers", WORKERS, 2) + deal("services", SERVICES, 1) + deal("tasks", TASKS, 1)
    events += deal("people", PEOPLE, 2) + deal("steering", STEERING, 1)
    if provider == "http":
        events += deal("webhooks", WEBHOOKS, 2)
    strikes = [Strike(event, round(chance.uniform(0.03, 0.7), 2)) for event in events if event]
    faults = deal("faults", FAULTS[provider], 2)
    calls = chance.sample(range(2, CALLS[provider]), len(faults))
    return Plan(
        seed=seed,
        number=number,
        provider=provider,
        misbehave=",".join(_fault(provider, *pair) for pair in zip(faults, calls, strict=True)),
        strikes=sorted(strikes, key=lambda strike: strike.moment),
    )


def _deck(name: str, cards: Sequence[str]) -> Iterator[str]:
    """The cards shuffled, then shuffled again, and so on."""
    chance = Random(name)
    while True:
        yield from chance.sample(cards, len(cards))


def _fault(provider: str, name: str, call: int) -> str:
    if (provider, name) in FOR_SOME:
        return f"{name}={SHARE}"
    seconds = f":{LASTS[name]}" if name in LASTS else ""
    return f"{name}=#{call}{seconds}"
