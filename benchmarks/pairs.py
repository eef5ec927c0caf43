"""Comparing two ways of doing something on a machine that is not quiet: A, B, A, B, … and the median of the ratios."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

PAIRS = 9


@dataclass(frozen=True)
class Comparison:
    """`ratio` is the median of A ÷ B over all pairs; `a` and `b` are the medians of each."""

    name: str
    unit: str
    a: float
    b: float
    ratio: float
    wanted: float
    pairs: int

    @property
    def reached(self) -> bool:
        return self.ratio >= self.wanted

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "reached": self.reached}


def compare(
    name: str,
    unit: str,
    a: Callable[[], float],
    b: Callable[[], float],
    *,
    wanted: float,
    pairs: int = PAIRS,
    step: Callable[[], None] = lambda: None,
) -> Comparison:
    """Measure A and B in turn. Both return a number of `unit`; `wanted` is the least that A ÷ B should be."""
    measured = []
    for _ in range(pairs):
        measured.append((a(), b()))
        step()
    return comparison(name, unit, measured, wanted=wanted)


def comparison(name: str, unit: str, measured: list[tuple[float, float]], *, wanted: float) -> Comparison:
    """Make a comparison of what was measured in pairs already."""
    ratio = median(a / b for a, b in measured)
    return Comparison(
        name, unit, median(a for a, _ in measured), median(b for _, b in measured), ratio, wanted, len(measured)
    )
