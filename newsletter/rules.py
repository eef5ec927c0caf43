"""The rules by which a hit is held to be a person's or a machine's. Pure: no database, no clock (ADR 23).

From certain to weak; the first that fits decides. Each asks for what a person cannot do, or a machine says of itself;
a machine that reads as slowly as people do, with a browser's name, is not found out. A change raises `VERSION`.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from newsletter.models import Hit

VERSION = 1
What, Verdict, Signal = Hit.What, Hit.Verdict, Hit.Signal

# So many different links of one mail within so long: no hand is as fast, even one that opens tabs to read them later.
BURSTS = tuple((links, timedelta(seconds=seconds)) for links, seconds in ((2, 0.7), (3, 2.5), (5, 7), (8, 60)))
MANY = (8, timedelta(minutes=15))  # a person who follows so many has hardly read any; a patient scanner does it always
ONE_LINK, ALL_LINKS = timedelta(minutes=1), timedelta(minutes=1)  # several networks within
MANY_NETWORKS = 3  # a phone that changes its network has two
WITH_LEAVING = timedelta(seconds=10)
BESIDE = timedelta(seconds=10)
# After the hand-over to our provider: mail needs some seconds to arrive, and people some to look.
AT_ONCE = {What.OPEN: timedelta(seconds=10), What.CLICK: timedelta(seconds=5)}
THEN = timedelta(minutes=10)
LONGEST = max(MANY[1], THEN, ONE_LINK, ALL_LINKS, *(span for _, span in BURSTS))  # between a hit and evidence about it
JOINED = timedelta(minutes=1)  # hits with no longer pause between them are judged together

# What a member, or an editor, is told about each reason.
REASONS = {
    "headers": "Asked for the headers of the page only, as programs do.",
    "robot": "Called itself a robot.",
    "ahead": "Fetched ahead, before anybody looked.",
    "provider": "Our mail provider recognised a machine.",
    "burst": "Different links were followed faster than anybody reads.",
    "leaving": "The link to leave was fetched along with others, as scanners do.",
    "networks": "The same mail was asked for from several places within a minute.",
    "at_once": "Came within seconds of sending, before the mail can have been read.",
    "beside": "Came along with links that a machine followed.",
    "many": "More links were followed than a person has time to read.",
    "then_clicked": "A link was followed soon after.",
    "veiled": "Came without a name or through a privacy proxy, which may fetch without a reader.",
    "nothing": "Nothing speaks against a person.",
}


@dataclass(frozen=True)
class Seen:
    """A hit as the rules see it; those judged before have a verdict, and no network any more."""

    pk: int
    what: str
    link: int | None
    at: datetime
    signals: int = 0
    network: int | None = None
    verdict: str = ""
    reason: str = ""


Judgement = tuple[str, str]  # verdict and reason
SAID = (
    (Signal.HEAD, "headers"),
    (Signal.ROBOT, "robot"),
    (Signal.PREFETCH, "ahead"),
    (Signal.PROVIDER, "provider"),
)


def judge(hits: Iterable[Seen], handed_at: datetime | None) -> dict[int, Judgement]:
    """Judge the hits of one delivery by each other, and by when it was handed over. Those judged before stay as they
    are, and are evidence. Returns verdict and reason by the hit's number."""
    ordered = sorted(hits, key=lambda hit: (hit.at, hit.pk))
    clicks = [hit for hit in ordered if hit.what == What.CLICK]
    looks = [hit for hit in ordered if hit.what == What.LEAVE]
    found = {hit.pk: (hit.verdict, hit.reason) for hit in ordered if hit.verdict}

    def convict(pks: Iterable[int], reason: str) -> None:
        for pk in pks:
            found.setdefault(pk, (Verdict.MACHINE.value, reason))

    for signal, reason in SAID:
        convict((hit.pk for hit in ordered if hit.signals & signal), reason)
    for links, span in BURSTS:
        convict(_crowded(clicks, span, links, lambda hit: hit.link), "burst")
    convict(_near(clicks, looks, WITH_LEAVING) | _near(looks, clicks, WITH_LEAVING), "leaving")
    convict(_from_many_networks(clicks), "networks")
    if handed_at:
        convict((hit.pk for hit in ordered if _is_at_once(hit, handed_at)), "at_once")
    machines = [hit for hit in clicks if found.get(hit.pk, ("", ""))[0] == Verdict.MACHINE]
    others = [hit for hit in clicks if found.get(hit.pk, ("", ""))[0] != Verdict.MACHINE]
    for pk in _crowded(others, MANY[1], MANY[0], lambda hit: hit.link):
        found.setdefault(pk, (Verdict.UNKNOWN.value, "many"))
    opens = [hit for hit in ordered if hit.what == What.OPEN]
    convict(_near(opens, machines, BESIDE), "beside")
    for hit in [*clicks, *looks]:
        found.setdefault(hit.pk, _benefit_of_doubt(hit))
    people = [hit for hit in clicks if found[hit.pk][0] == Verdict.HUMAN]
    for pk in _before(opens, people, THEN):
        found.setdefault(pk, (Verdict.HUMAN.value, "then_clicked"))
    for hit in opens:
        found.setdefault(hit.pk, _benefit_of_doubt(hit))
    return found


def _benefit_of_doubt(hit: Seen) -> Judgement:
    return (Verdict.UNKNOWN.value, "veiled") if hit.signals & Signal.VEILED else (Verdict.HUMAN.value, "nothing")


def _is_at_once(hit: Seen, handed_at: datetime) -> bool:
    span = AT_ONCE.get(What(hit.what))
    return span is not None and timedelta(0) <= hit.at - handed_at < span


def _crowded(hits: Sequence[Seen], span: timedelta, least: int, kind: Callable[[Seen], object]) -> set[int]:
    """Hits that lie within `span` of others so that at least so many different kinds come together."""
    found: set[int] = set()
    window: deque[Seen] = deque()
    kinds: Counter[object] = Counter()
    for hit in hits:
        window.append(hit)
        kinds[kind(hit)] += 1
        while hit.at - window[0].at > span:
            gone = kind(window.popleft())
            kinds[gone] -= 1
            if not kinds[gone]:
                del kinds[gone]
        if len(kinds) >= least:
            for one in reversed(window):  # those before one that is found were found with it
                if one.pk in found:
                    break
                found.add(one.pk)
    return found


def _near(hits: Sequence[Seen], others: Sequence[Seen], span: timedelta) -> set[int]:
    return _with_another(hits, others, -span, span)


def _before(hits: Sequence[Seen], others: Sequence[Seen], span: timedelta) -> set[int]:
    return _with_another(hits, others, timedelta(0), span)


def _with_another(hits: Sequence[Seen], others: Sequence[Seen], least: timedelta, most: timedelta) -> set[int]:
    """Hits that have one of the others, which are in order, between `least` and `most` after them."""
    times = [other.at for other in others]
    return {hit.pk for hit in hits if bisect_left(times, hit.at + least) < bisect_right(times, hit.at + most)}


def _from_many_networks(clicks: Sequence[Seen]) -> set[int]:
    """Clicks of one mail from three networks within a minute. Of two for one link, the earlier: a gateway that checks a
    link when it is followed fetches it just before it lets the person through."""
    known = [hit for hit in clicks if hit.network is not None]
    found = _crowded(known, ALL_LINKS, MANY_NETWORKS, _place)
    nearest: dict[int | None, list[Seen]] = {}  # of each link, the next click from either of two networks
    for hit in reversed(known):
        later = nearest.get(hit.link, [])
        if any(one.network != hit.network and _day(one) == _day(hit) and one.at - hit.at <= ONE_LINK for one in later):
            found.add(hit.pk)
        nearest[hit.link] = [hit, *(one for one in later if _place(one) != _place(hit))][:2]
    return found


def _place(hit: Seen) -> object:
    """Networks are keyed for the day: those of two days cannot be compared."""
    return _day(hit), hit.network


def _day(hit: Seen) -> object:
    return hit.at.astimezone(UTC).date()
