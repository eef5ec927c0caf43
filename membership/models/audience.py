"""An audience: everybody who chose the same, and so gets the same e-news.

Members are many, distinct choices are few. Keeping the choice as one row lets editions, the editors' matrix
and the freeze work on hundreds of audiences instead of a million members (ADR 4).
"""

from collections.abc import Iterable
from urllib.parse import quote, unquote

from django.db import models


class Audience(models.Model):
    """One distinct choice, written as text: `s1,4;r3;kevent,service;fm;q` and so on.

    The parts: ids of sectors; id of the region (none = national); kinds; frequency (m or q); saved searches that add
    to the e-news, each as the words of its address, percent-encoded.
    """

    key = models.CharField(max_length=1500, unique=True)

    def __str__(self) -> str:
        return self.key

    @staticmethod
    def make_key(
        *,
        sectors: Iterable[int],
        region: int | None,
        kinds: Iterable[str],
        quarterly: bool = False,
        searches: Iterable[str] = (),
    ) -> str:
        """Return the key of a choice; the order in which choices were made does not matter."""
        parts = (
            "s" + ",".join(str(pk) for pk in sorted(set(sectors))),
            f"r{region or ''}",
            "k" + ",".join(sorted(set(kinds))),
            "fq" if quarterly else "fm",
            "q" + ",".join(sorted(quote(search, safe="") for search in set(searches))),
        )
        return ";".join(parts)

    def _part(self, place: int) -> list[str]:
        return [word for word in self.key.split(";")[place][1:].split(",") if word]

    @property
    def sector_ids(self) -> frozenset[int]:
        return frozenset(int(word) for word in self._part(0))

    @property
    def region_id(self) -> int | None:
        return next((int(word) for word in self._part(1)), None)

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(self._part(2))

    @property
    def quarterly(self) -> bool:
        return self._part(3) == ["q"]

    @property
    def searches(self) -> tuple[str, ...]:
        """Saved searches whose matches are added, as query strings."""
        return tuple(unquote(word) for word in self._part(4))
