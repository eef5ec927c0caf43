"""What a simulator does wrong, how often, and for whom: the same each time for the same seed."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from random import Random

SLOW = "slow"


class Misbehaviour:
    """Draws the faults of a specification such as `slow=1:0.05,421=0.02,hang=#3:4`: name=probability[:seconds], or
    name=#n[:seconds] for the nth message or call alone.

    At most one fault strikes a message, so the probabilities add up to 1 at most; being slow comes on top of it.
    `struck` counts by fault how many messages it has struck.
    """

    def __init__(self, specification: str, *, known: Mapping[str, float], seed: int = 0) -> None:
        """`known`: the names that may be given, and the seconds each lasts unless told. Raises ValueError."""
        self._seed = seed
        self._random = Random(seed)
        self._chances: dict[str, float] = {}
        self._at: dict[int, str] = {}
        self._drawn = 0
        self.struck: Counter[str] = Counter()
        self.seconds = dict(known)
        for part in filter(None, specification.split(",")):
            name, equals, value = part.strip().partition("=")
            probability, colon, seconds = value.partition(":")
            if name not in known or not equals:
                raise ValueError(f"{part!r} is no misbehaviour: give one of {', '.join(known)} as name=probability")
            if probability.startswith("#"):
                self._at[int(probability[1:])] = name
            else:
                self._chances[name] = float(probability)
            if colon:
                self.seconds[name] = float(seconds)
        self._slow = self._chances.pop(SLOW, 0.0)
        if any(one < 0 for one in self._chances.values()) or sum(self._chances.values()) > 1:
            raise ValueError("the probabilities must lie between 0 and 1, and add up to 1 at most")

    def draw(self) -> str:
        """The fault that strikes the next message, or nothing."""
        self._drawn += 1
        if self._drawn in self._at or not self._chances:
            return self._at.get(self._drawn, "")
        left = self._random.random()
        for name, chance in self._chances.items():
            left -= chance
            if left < 0:
                return name
        return ""

    def delay(self) -> float:
        """How many seconds the next answer takes longer than it must."""
        return self.seconds[SLOW] if self._slow and self._random.random() < self._slow else 0.0

    def always(self, name: str, recipient: str) -> bool:
        """Whether this fault strikes this recipient, each time it is tried: for refusals that are for good."""
        chance = self._chances.get(name, 0.0)
        if not chance:
            return False
        digest = hashlib.sha256(f"{self._seed}/{name}/{recipient}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < chance * 2**64
