"""Hiding: which cells of a report are shown. Fewer than ten people never are, nor what would give them away (ADR 23).

A list has a whole, and a row of verdicts a sum. What is hidden on such a line comes to a number that can be worked out
from the rest: that must not be one cell, nor fewer than ten people together, or it says who they are as well as a cell
would. So the next smallest is hidden with it. Lines cross, so this goes on until all of them hold.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)

SMALLEST_CELL = 10  # people
HIDDEN = "hidden"  # the word for a cell that is; it does not say which cells are small, and which only hidden along


def shown(people: int) -> int | None:
    """A count that stands alone, as it may be shown: None when it must not be."""
    return people if people >= SMALLEST_CELL else None


def gives_away(part: int, whole: int) -> bool:
    """Whether a part says how many the others are, and these are few. Where there are no others it is the whole."""
    return 0 < whole - part < SMALLEST_CELL


def hide(
    cells: Mapping[Key, int],
    lines: Iterable[Sequence[Key]],
    also: Collection[Key] = (),
    last: Callable[[Key], Any] = lambda key: 0,
) -> dict[Key, int | None]:
    """The cells as they may be shown, None for those that must not be: small ones, those of `also`, and whatever must
    be hidden along. `lines` are keys of cells that give each other away: all but one known, the last is known too.
    What is hidden along is what `last` sorts first, of these the smallest."""
    hidden = {key for key, people in cells.items() if people < SMALLEST_CELL} | set(also)
    open_lines = (line for line in lines if len(line) > 1 and not hidden.issuperset(line))
    waiting = deque(sorted(open_lines, key=len))  # first those that leave least choice
    crossing: dict[Key, list[Sequence[Key]]] = defaultdict(list)
    for line in waiting:
        for key in line:
            if key not in hidden:  # what is hidden already is not hidden again
                crossing[key].append(line)
    while waiting:
        line = waiting.popleft()
        if _holds(line, hidden, cells):
            continue
        along = min((key for key in line if key not in hidden), key=lambda key: (last(key), cells[key]))
        hidden.add(along)
        waiting.extend(crossing[along])
    return {key: None if key in hidden else people for key, people in cells.items()}


def _holds(line: Sequence[Key], hidden: set[Key], cells: Mapping[Key, int]) -> bool:
    """Whether what is hidden on a line, if anything is, tells nothing. Called ten thousand times for a report."""
    if hidden.isdisjoint(line):
        return True
    gone = people = 0
    for key in line:
        if key in hidden:
            gone += 1
            people += cells[key]
            if gone > 1 and people >= SMALLEST_CELL:
                return True
    return gone == len(line)


def hide_list(counts: Sequence[int]) -> list[int | None]:
    """The same for one list."""
    cells = dict(enumerate(counts))
    return list(hide(cells, [list(cells)]).values())
