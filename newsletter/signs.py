"""What a request says about who made it: signs of a machine, and 16 bits of its network. Nothing else is kept (ADR 23).

The agent's name is read and forgotten. What is remembered of it in this process's memory is whether it is a robot's.
"""

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from crawleruseragents import is_crawler
from django.conf import settings

from newsletter.models import Hit

Signal = Hit.Signal
AGENT = 400  # characters of it that are looked at
# Headers by which browsers and proxies say that they fetch ahead, and the words that say it: Sec-Purpose is the
# standard (https://fetch.spec.whatwg.org/#sec-purpose-header), the others are what came before it.
AHEAD = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
AHEAD_WORDS = ("prefetch", "prerender", "preview")
# Proxies that fetch pictures for the mailbox, some of them before anybody looks. Apple's gives no name but this one.
PROXIES = ("GoogleImageProxy", "YahooMailProxy", "ggpht.com")
NAMELESS = {"", "Mozilla/5.0"}
# Names that mail gateways give themselves, in small letters; `crawler-user-agents` knows those of the web.
GATEWAYS = ("barracuda", "ciscosecureemail", "fireeye", "fortimail", "ironport", "mimecast", "proofpoint", "safelinks")
# How much of an address is its network: what a provider gives to one site or household.
NETWORK = {4: 24, 6: 48}


@dataclass(frozen=True)
class Signs:
    """The sum of a hit's signals, and its network as a number of 16 bits; None where it cannot be told."""

    signals: int = 0
    network: int | None = None


def signs_of(meta: Mapping[str, object], address: str, day: date) -> Signs:
    """Read a request: its WSGI variables, the visitor's address, and the day that the network is keyed for."""
    signals = agent_signals(str(meta.get("HTTP_USER_AGENT", "")))
    if meta.get("REQUEST_METHOD") == "HEAD":
        signals |= Signal.HEAD
    for name in AHEAD:
        said = meta.get(name)
        if said and any(word in str(said).lower() for word in AHEAD_WORDS):
            signals |= Signal.PREFETCH
    return Signs(signals, network_of(address, day))


def agent_signals(agent: str) -> int:
    return _agent_signals(agent[:AGENT])


@lru_cache(maxsize=2048)  # looking through 1,500 patterns takes longer than everything else about a click
def _agent_signals(agent: str) -> int:
    if agent.strip() in NAMELESS or any(name in agent for name in PROXIES):
        return Signal.VEILED.value
    named = agent.lower()
    return Signal.ROBOT.value if any(name in named for name in GATEWAYS) or is_crawler(agent) else 0


def network_of(address: str, day: date) -> int | None:
    """16 bits of a keyed hash of the network an address is in: enough to tell two apart, too few to find one out."""
    try:
        visitor = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(visitor, ipaddress.IPv6Address) and visitor.ipv4_mapped:
        visitor = visitor.ipv4_mapped
    network = int(visitor) >> (visitor.max_prefixlen - NETWORK[visitor.version])
    text = f"e-news network:{day.isoformat()}:{visitor.version}:{network}"
    return int.from_bytes(hmac.digest(settings.SECRET_KEY.encode(), text.encode(), "sha256")[:2])
