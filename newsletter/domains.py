"""The pace of each recipient domain: large receivers defer mail that comes too fast (SEND_DOMAIN_RATES).

Two paces stand for each limited domain. “domain:” is the law: its turns are 1 / rate apart. “queue:” only estimates
when to ask again: messages that must wait queue up there, so that they come back at the domain's rate and find turns
free, instead of all at once.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.core.exceptions import ImproperlyConfigured

from newsletter import pacing

ANY = "*"  # every domain that is not named
FREE_WITHIN = 1.0  # seconds; a domain's turns are given when the first of them is at most this far off,
STRETCH = 2.0  # seconds' worth of them at once: about the time until the same worker asks again (`Flow.claim_size`)
SOON = FREE_WITHIN + STRETCH  # seconds; what is nearer is booked
LATER = SOON + 0.5  # seconds; what is not booked is told to ask again, at the earliest after these
QUEUE_WITHIN = 86400.0  # seconds; who queues for longer than a day asks again after one

PART = re.compile(r"(?P<domain>\*|(?:[\w-]+\.)+[\w-]+)\s*=\s*(?P<rate>\S+)")


def slots(domains: Sequence[str], *, rates: Mapping[str, float], now: float) -> list[float]:
    """Say for each message, by its recipient's domain, in how many seconds it may go (0 where there is no limit).

    One statement when any of the domains has a limit, and a second one when any message must wait for LATER or longer.
    """
    names = [domain.lower() for domain in domains]
    wanted = Counter(name for name in names if name in rates or ANY in rates)
    if not wanted:
        return [0.0] * len(names)
    limits = {name: rates[name] if name in rates else rates[ANY] for name in wanted}
    soon = Counter({name: min(number, max(1, int(limits[name] * STRETCH))) for name, number in wanted.items()})
    turns = _book("domain:", soon, limits, now=now, within=FREE_WITHIN)
    late = wanted - Counter({name: soon[name] for name in turns})
    queues = _book("queue:", late, limits, now=now, within=QUEUE_WITHIN)
    waits = {}
    for name, rate in limits.items():
        first = turns.get(name, now) - now
        behind = queues.get(name, now + QUEUE_WITHIN) - now + max(LATER, 1 / rate)
        own = [first + n / rate for n in range(wanted[name] - late[name])]
        waits[name] = iter(own + [behind + n / rate for n in range(late[name])])
    return [next(waits[name]) if name in waits else 0.0 for name in names]


def _book(
    prefix: str, numbers: Mapping[str, int], limits: Mapping[str, float], *, now: float, within: float
) -> dict[str, float]:
    """Book turns for so many messages of each domain; return from when, by domain."""
    seconds = {prefix + name: number / limits[name] for name, number in numbers.items()}
    booked = pacing.book(seconds, now=now, within=within) if seconds else {}
    return {name.removeprefix(prefix): start for name, start in booked.items()}


@lru_cache(maxsize=8)
def parse_domain_rates(text: str) -> Mapping[str, float]:
    """Read SEND_DOMAIN_RATES, such as `nhs.net=5, *=20`, as messages a second by domain.

    A subdomain is a domain of its own. Raises ImproperlyConfigured with a sentence that names the part it cannot read.
    """
    rates: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        match = PART.fullmatch(part)
        if not match:
            raise ImproperlyConfigured(f"SEND_DOMAIN_RATES: “{part}” is not a domain and a rate.")
        domain = match["domain"].lower()
        if domain in rates:
            raise ImproperlyConfigured(f"SEND_DOMAIN_RATES names {domain} twice.")
        rates[domain] = _rate(match["rate"], part)
    return rates


def _rate(text: str, part: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not pacing.SLOWEST <= rate < math.inf:
        raise ImproperlyConfigured(f"SEND_DOMAIN_RATES: the rate of “{part}” is not a number from {pacing.SLOWEST} up.")
    return rate
