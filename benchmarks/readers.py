"""The outside world of one issue: people, privacy proxies and mail gateways, and every request that they make.

It is written from what makers of mailboxes and gateways document and senders report, not from our rules: when each
looks, with which name, from which networks, and at what. Hard cases are among them: scanners that take their time under
a browser's name, people who open four tabs at once, phones that change their network, relays that give every request
another one.

Sources: Apple's Mail Privacy Protection (all pictures are fetched through proxies, some time after the mail arrives,
whether or not anybody reads it; the agent is “Mozilla/5.0”), Google's image proxy (fetches when a mail is opened),
Microsoft's Safe Links (some links are tried at delivery, and again when they are followed), Barracuda, Mimecast and
Proofpoint (every link within seconds or minutes of delivery, the one to leave among them).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
LEAVE = 0  # the number that stands for the link to leave
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
EDGE = f"{CHROME} Edg/142.0.0.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
    "Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)"
GOOGLE = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
OLD_BROWSER = "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; WOW64; Trident/5.0)"
SCANNER_AGENTS = [
    CHROME,
    EDGE,
    OLD_BROWSER,
    f"{CHROME[:-13]} HeadlessChrome/142.0 Safari/537.36",
    "Barracuda Sentinel (EE)",
]


@dataclass(frozen=True, order=True)
class Request:
    """One request, `at` so many seconds after the mail was handed over. `who` is the truth: “person: …” or not."""

    at: float
    mail: int
    who: str = field(compare=False)
    what: str = field(compare=False)  # click, open, leave
    number: int = field(compare=False, default=0)
    agent: str = field(compare=False, default=CHROME)
    address: str = field(compare=False, default="192.0.2.1")
    method: str = field(compare=False, default="GET")
    headers: tuple[tuple[str, str], ...] = field(compare=False, default=())

    @property
    def is_person(self) -> bool:
        return self.who.startswith("person")


class World:
    """Makes the requests about one mail after another. The same seed makes the same world."""

    def __init__(self, seed: int, links: int) -> None:
        self.dice = random.Random(seed)
        self.links = links

    def mail(self, number: int) -> list[Request]:
        """Everything that is asked for about one mail, in order."""
        dice = self.dice
        kind = dice.choices(["apple", "gmail", "outlook", "webmail"], [30, 15, 35, 20])[0]
        found = list(self._gateway(number)) if dice.random() < {"outlook": 0.6, "webmail": 0.25}.get(kind, 0.05) else []
        found += self._proxy(number, kind)
        found += self._person(number, kind)
        return sorted(found)

    # --- People ----------------------------------------------------------------------------------

    def _person(self, mail: int, kind: str) -> Iterator[Request]:
        dice = self.dice
        if dice.random() > 0.6:
            return
        sort = dice.choices(["usual", "fast", "at once", "on the move", "relayed"], [68, 10, 3, 12, 7])[0]
        at = dice.uniform(12, 90) if sort == "at once" else min(dice.lognormvariate(9.2, 1.6) + 20, 25 * DAY)
        phone = sort in {"on the move", "relayed"} or dice.random() < 0.3
        agent = (
            (IPHONE if kind == "apple" or dice.random() < 0.5 else ANDROID)
            if phone
            else dice.choice([CHROME, EDGE, FIREFOX])
        )
        home = self._network()
        who = f"person: {sort}"
        if kind in {"gmail", "outlook", "webmail"}:  # Apple's proxy has fetched the pictures already
            name = {"gmail": GOOGLE, "outlook": OUTLOOK if not phone else agent}.get(kind, agent)
            yield Request(at, mail, who, "open", agent=name, address=self._google() if kind == "gmail" else home(6))
            if dice.random() < 0.2 and kind != "gmail":
                yield Request(at + dice.uniform(HOUR, 3 * DAY), mail, who, "open", agent=name, address=home(6))
        read = at + dice.lognormvariate(3.0, 0.9) + 2
        wanted = dice.choices([0, 1, 2, 3, 5], [48, 32, 12, 5, 3])[0]
        if sort == "fast":
            wanted = max(wanted, dice.randint(2, 5))
        for place, number in enumerate(dice.sample(range(1, self.links + 1), min(wanted, self.links))):
            if place:
                read += dice.uniform(0.8, 3.5) if sort == "fast" else dice.lognormvariate(3.6, 1.0) + 1.5
            if (sort == "on the move" and dice.random() < 0.4) or sort == "relayed":
                home = self._network()
            yield Request(read, mail, who, "click", number, agent, home(4))
            if dice.random() < 0.04:  # nothing seemed to happen: once more
                yield Request(read + dice.uniform(0.2, 4), mail, who, "click", number, agent, home(4))
            if kind == "outlook" and dice.random() < 0.15:
                yield from self._time_of_click(mail, read, number)
            if dice.random() < 0.01:  # told to a colleague
                yield Request(
                    read + dice.uniform(60, HOUR),
                    mail,
                    "machine: preview in a chat",
                    "click",
                    number,
                    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
                    self._network()(4),
                )
        if dice.random() < 0.012:
            yield Request(read + dice.uniform(8, 120), mail, who, "leave", LEAVE, agent, home(4))

    # --- Privacy proxies -------------------------------------------------------------------------

    def _proxy(self, mail: int, kind: str) -> Iterator[Request]:
        """Apple's, which fetches when the device is at rest, whoever reads; a second device does it again."""
        if kind != "apple" or self.dice.random() < 0.08:
            return
        for _ in range(1 if self.dice.random() < 0.8 else 2):
            at = self.dice.choice([self.dice.lognormvariate(4.5, 1.3), self.dice.lognormvariate(9.5, 1.2)]) + 3
            yield Request(at, mail, "machine: Apple's proxy", "open", agent="Mozilla/5.0", address=self._network()(4))

    # --- Gateways --------------------------------------------------------------------------------

    def _gateway(self, mail: int) -> Iterator[Request]:
        sort = self.dice.choices(
            ["every link at once", "headers first", "one by one", "slowly", "a few links", "delayed"],
            [38, 14, 16, 8, 18, 6],
        )[0]
        way = {
            "every link at once": self._at_once,
            "headers first": self._headers_first,
            "one by one": self._one_by_one,
            "slowly": self._slowly,
            "a few links": self._few,
            "delayed": self._delayed,
        }[sort]
        yield from way(mail, f"machine: {sort}")

    def _every(self, leave: float) -> list[int]:
        """All links in the order of the mail; most scanners follow the one to leave as well."""
        return [*range(1, self.links + 1), *([LEAVE] if self.dice.random() < leave else [])]

    def _scan(
        self, mail: int, who: str, times: list[tuple[float, int]], agent: str, networks: int = 1, **more: object
    ) -> Iterator[Request]:
        places = [self._network() for _ in range(networks)]
        for at, number in times:
            what = "leave" if number == LEAVE else "click"
            address = self.dice.choice(places)(4)
            yield Request(at, mail, who, what, number, agent, address, **more)  # type: ignore[arg-type]

    def _at_once(self, mail: int, who: str) -> Iterator[Request]:
        begin = self.dice.lognormvariate(2.3, 1.0)
        times = [(begin + self.dice.uniform(0, 4), number) for number in self._every(0.8)]
        agent = self.dice.choice(SCANNER_AGENTS)
        yield from self._scan(mail, who, times, agent, self.dice.choice([1, 1, 2, 4]))
        if self.dice.random() < 0.5:
            yield Request(begin + self.dice.uniform(0, 5), mail, who, "open", agent=agent, address=self._network()(4))

    def _headers_first(self, mail: int, who: str) -> Iterator[Request]:
        begin, agent = self.dice.lognormvariate(2.8, 1.0), self.dice.choice([CHROME, OLD_BROWSER, ""])
        times = [(begin + place * self.dice.uniform(0.1, 1.5), number) for place, number in enumerate(self._every(0.6))]
        yield from self._scan(mail, who, times, agent, method="HEAD")
        again = [(at + self.dice.uniform(1, 8), number) for at, number in times if self.dice.random() < 0.4]
        yield from self._scan(mail, who, again, agent)

    def _one_by_one(self, mail: int, who: str) -> Iterator[Request]:
        """A sandbox that loads each page before the next."""
        at, times = self.dice.lognormvariate(3.5, 1.0), []
        for number in self._every(0.5):
            times.append((at, number))
            at += self.dice.uniform(1.5, 9)
        yield from self._scan(mail, who, times, self.dice.choice([CHROME, EDGE]), self.dice.choice([1, 1, 3]))

    def _slowly(self, mail: int, who: str) -> Iterator[Request]:
        at, times = self.dice.uniform(MINUTE, HOUR), []
        for number in self._every(0.3):
            times.append((at, number))
            at += self.dice.uniform(20, 150)
        yield from self._scan(mail, who, times, self.dice.choice([CHROME, EDGE]))

    def _few(self, mail: int, who: str) -> Iterator[Request]:
        """Safe Links: it tries some at delivery, from wherever it has room."""
        numbers = self.dice.sample(range(1, self.links + 1), min(self.links, self.dice.choice([1, 1, 2, 3, 4])))
        times = [(self.dice.lognormvariate(3.8, 1.2), number) for number in numbers]
        yield from self._scan(mail, who, times, self.dice.choice([CHROME, EDGE, EDGE, ""]), self.dice.choice([1, 2, 3]))

    def _delayed(self, mail: int, who: str) -> Iterator[Request]:
        """Links are tried again hours later, when lists of bad ones have grown."""
        begin = self.dice.uniform(HOUR, 12 * HOUR)
        times = [(begin + self.dice.uniform(0, 30), number) for number in self._every(0.4)]
        yield from self._scan(mail, who, times, self.dice.choice([CHROME, EDGE]), 2)

    def _time_of_click(self, mail: int, at: float, number: int) -> Iterator[Request]:
        """A link is tried as it is followed, mostly a moment before the person is let through."""
        moment = at - self.dice.uniform(0.3, 4) if self.dice.random() < 0.7 else at + self.dice.uniform(0.3, 10)
        yield Request(moment, mail, "machine: tried when followed", "click", number, EDGE, self._network()(4))

    # --- Networks --------------------------------------------------------------------------------

    def _network(self) -> "Network":
        return Network(self.dice)

    def _google(self) -> str:
        return f"66.249.{self.dice.randint(80, 95)}.{self.dice.randint(1, 254)}"


class Network:
    """A household, an office or a data centre: one IPv4 and one IPv6 network, out of which addresses are given."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.four = f"{dice.randint(11, 223)}.{dice.randrange(256)}.{dice.randrange(256)}"
        self.six = f"2a02:{dice.randrange(65536):x}:{dice.randrange(65536):x}"

    def __call__(self, version: int) -> str:
        if version == 6 and self.dice.random() < 0.5:
            return f"{self.six}:{self.dice.randrange(65536):x}::{self.dice.randrange(1, 65536):x}"
        return f"{self.four}.{self.dice.randint(1, 254)}"
