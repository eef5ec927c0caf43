"""Hiding: which cells of a report are shown. Fewer than ten people never are, nor what would give them away (ADR 23).

A list has a whole, and a row of verdicts a sum: where exactly one cell of such a line is hidden, it could be worked out
from the others, so the next smallest is hidden with it. Lines cross, so this goes on until nothing can be worked out.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

SMALLEST_CELL = 10  # people
HIDDEN = "hidden"  # the word for a cell that is; it does not say which cells are small, and which only hidden along


def shown(people: int) -> int | None:
    """A count that stands alone, as it may be shown: None when it must not be."""
    return people if people >= SMALLEST_CELL else None


def hide(
    cells: Mapping[Key, int],
    lines: Iterable[Sequence[Key]],
    first: Callable[[Key], bool] = lambda key: False,
) -> dict[Key, int | None]:
    """The cells as they may be shown, None for those that must not be. `lines` are keys of cells that give each other
    away: all but one known, the last is known too. What is hidden along is one of which `first` says so, where a line
    has any, else the smallest."""
    hidden = {key for key, people in cells.items() if people < SMALLEST_CELL}
    waiting = [line for line in lines if len(line) > 1]
    while True:
        found = False
        for line in waiting:
            left = [key for key in line if key not in hidden]
            if left and len(line) - len(left) == 1:
                hidden.add(min(left, key=lambda key: (not first(key), cells[key])))
                found = True
        if not found:
            return {key: None if key in hidden else people for key, people in cells.items()}


def hide_list(counts: Sequence[int]) -> list[int | None]:
    """The same for one list."""
    cells = dict(enumerate(counts))
    return list(hide(cells, [list(cells)]).values())
