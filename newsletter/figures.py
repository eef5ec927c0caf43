"""Figures: rows of totals as reports show them, with the cells hidden that must be (`hiding.py`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from newsletter import giving_away
from newsletter.giving_away import REST, Cell, Held, Place
from newsletter.hiding import SMALLEST_CELL, hide
from newsletter.models import Total

LEDGER = ("sent", "delivered", "bounced", "complained", "departed", "agreed_opens", "agreed_clicks")
VERDICTS = ("human", "machine", "unknown")
# People by verdict, the hits they made, and how many agreed to have them measured.
MEASURED = {"openers": ("opens", "agreed_opens"), "clickers": ("clicks", "agreed_clicks")}
NOTHING = Held()


@dataclass(frozen=True)
class Verdicts:
    """A count by what was judged; None = hidden. `raw` is whatever came, machines too."""

    raw: int | None = None
    human: int | None = None
    machine: int | None = None
    unknown: int | None = None


@dataclass(frozen=True)
class Figures:
    """What became of the mail to some people; None = hidden. Openers and clickers are people, opens and clicks hits."""

    sent: int | None = None
    delivered: int | None = None
    bounced: int | None = None
    complained: int | None = None
    departed: int | None = None
    agreed_opens: int | None = None
    agreed_clicks: int | None = None
    openers: Verdicts = Verdicts()
    clickers: Verdicts = Verdicts()
    opens: Verdicts = Verdicts()
    clicks: Verdicts = Verdicts()

    @property
    def click_share(self) -> float | None:
        """Of those who agreed to clicks, the share that followed a link as people do."""
        return _share(self.clickers.human, self.agreed_clicks)


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else min(1.0, part / whole)


def figures_of(totals: Iterable[Any], held: Held = NOTHING) -> dict[Place, Figures]:
    """The figures of one issue by dimension and key, as they may be shown together. All its rows of a dimension must
    be among `totals`, and the whole issue with them; with items and kinds the editions, and what these hold."""
    rows = list(totals)
    found = shown_cells(rows, held)
    return {place: _figures(row, found[place]) for row in rows for place in [(row.dimension, row.key)]}


def shown_cells(
    rows: Sequence[Any], held: Held = NOTHING, ledger: Sequence[str] = LEDGER, measured: Sequence[str] = tuple(MEASURED)
) -> dict[Place, dict[str, int | None]]:
    """The same for some figures only, by name: `ledger`, and people of `measured` by verdict, with whom must go how
    many of them agreed."""
    cells: dict[Cell, int] = {}
    lines: list[list[Cell]] = []
    places: list[Place] = []
    for row in rows:
        place = (row.dimension, row.key)
        places.append(place)
        counts, own_lines = _counts(row, ledger, measured)
        cells |= {(place, name): people for name, people in counts.items()}
        lines += [[(place, name) for name in line] for line in own_lines]
    names = [*ledger, *(f"{people}_{verdict}" for people in measured for verdict in ("raw", *VERDICTS))]
    rests = giving_away.rests(cells, places, names)
    near = giving_away.near(cells, places, names, held)
    cells |= rests
    lines += giving_away.lines(cells, places, names, held)
    shown = hide(cells, lines, also=near, last=_last)
    return {place: {name: shown[place, name] for name in names} for place in places}


def _last(cell: Cell) -> tuple[bool, bool, bool, bool]:
    """What is hidden along: first what no page shows; rather an edition's figure than one of the whole issue, and of a
    row of verdicts rather what it comes to in all than what people did."""
    (dimension, _), name = cell
    whole, edition = dimension == Total.Dimension.ISSUE, dimension == Total.Dimension.EDITION
    return dimension != REST, whole, not edition, not name.endswith("_raw")


def _counts(row: Any, ledger: Sequence[str], measured: Sequence[str]) -> tuple[dict[str, int], list[Sequence[str]]]:
    """The people in a row by name, and the names that give each other away."""
    cells = {name: getattr(row, name) for name in ledger}
    lines: list[Sequence[str]] = []
    for people in measured:
        agreed = MEASURED[people][1]
        by_verdict = {f"{people}_{verdict}": getattr(row, f"{people}_{verdict}") for verdict in VERDICTS}
        if 0 < cells[agreed] < SMALLEST_CELL:  # days have no base
            by_verdict = dict.fromkeys(by_verdict, 0)
        cells |= {f"{people}_raw": sum(by_verdict.values()), **by_verdict}
        lines.append([f"{people}_raw", *by_verdict])
    return cells, lines


def _figures(row: Any, shown: dict[str, int | None]) -> Figures:
    found: dict[str, Any] = {name: shown[name] for name in LEDGER}
    for people, (hits, _) in MEASURED.items():
        found[people] = Verdicts(**{name: shown[f"{people}_{name}"] for name in ("raw", *VERDICTS)})
        counts = {verdict: getattr(row, f"{hits}_{verdict}") for verdict in VERDICTS}
        counts["raw"] = sum(counts.values())
        found[hits] = Verdicts(
            **{name: count if shown[f"{people}_{name}"] is not None else None for name, count in counts.items()}
        )
    return Figures(**found)
