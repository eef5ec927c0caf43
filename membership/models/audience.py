"""An audience: everybody who chose the same sectors, region and kinds, and so gets the same e-news.

Members are many, distinct choices are few. Keeping the choice as one row lets editions, the editors' matrix
and the freeze work on hundreds of audiences instead of a million members (ADR 4).
"""

from collections.abc import Iterable

from django.db import models


class Audience(models.Model):
    """One distinct choice, written as text: `s1,4;r3;kevent,service` (ids of sectors, of the region, kinds)."""

    key = models.CharField(max_length=400, unique=True)

    def __str__(self) -> str:
        return self.key

    @staticmethod
    def make_key(*, sectors: Iterable[int], region: int | None, kinds: Iterable[str]) -> str:
        """Return the key of a choice; the order in which choices were made does not matter."""
        return f"s{','.join(str(pk) for pk in sorted(set(sectors)))};r{region or ''};k{','.join(sorted(set(kinds)))}"

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
