"""Figures: rows of totals as reports show them, with the cells hidden that must be (`hiding.py`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from newsletter.hiding import SMALLEST_CELL, hide
from newsletter.models import Total

LEDGER = ("sent", "delivered", "bounced", "complained", "departed", "agreed_opens", "agreed_clicks")
VERDICTS = ("human", "machine", "unknown")
# People by verdict, the hits they made, and how many agreed to have them measured.
MEASURED = {"openers": ("opens", "agreed_opens"), "clickers": ("clicks", "agreed_clicks")}
# Their rows add up to the whole issue, so that a hidden one could be worked out from it.
PARTITIONS = (Total.Dimension.EDITION, Total.Dimension.REGION)


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


def figures_of(totals: Iterable[Total]) -> dict[tuple[str, str], Figures]:
    """The figures of one issue by dimension and key, as they may be shown together. All its rows of a dimension must
    be among `totals`, and the whole issue with them."""
    rows = list(totals)
    whole = [row for row in rows if row.dimension == Total.Dimension.ISSUE]
    cells: dict[tuple[int, str], int] = {}
    lines: list[list[tuple[int, str]]] = []
    lists: dict[str, list[int]] = {}
    numbers = {id(row): number for number, row in enumerate(rows)}
    for number, row in enumerate(rows):
        found, own_lines = _cells(row)
        cells |= {(number, name): people for name, people in found.items()}
        lines += [[(number, name) for name in line] for line in own_lines]
        lists.setdefault(row.dimension, []).append(number)
    names = {name for _, name in cells}
    for dimension, members in lists.items():
        along = [*members, *(numbers[id(row)] for row in whole)] if dimension in PARTITIONS else members
        lines += [[(number, name) for number in along] for name in sorted(names)]
    # Of a row of verdicts, rather hide what it comes to in all than what people did.
    shown = hide(cells, lines, first=lambda cell: cell[1].endswith("_raw"))
    return {
        (row.dimension, row.key): _figures(row, {name: shown[number, name] for name in names})
        for number, row in enumerate(rows)
    }


def _cells(row: Total) -> tuple[dict[str, int], list[Sequence[str]]]:
    """The people in a row by name, and the names that give each other away."""
    cells = {name: getattr(row, name) for name in LEDGER}
    lines: list[Sequence[str]] = []
    for people, (_, agreed) in MEASURED.items():
        by_verdict = {f"{people}_{verdict}": getattr(row, f"{people}_{verdict}") for verdict in VERDICTS}
        if 0 < cells[agreed] < SMALLEST_CELL:  # days have no base
            by_verdict = dict.fromkeys(by_verdict, 0)
        cells |= {f"{people}_raw": sum(by_verdict.values()), **by_verdict}
        lines.append([f"{people}_raw", *by_verdict])
    return cells, lines


def _figures(row: Total, shown: dict[str, int | None]) -> Figures:
    found: dict[str, Any] = {name: shown[name] for name in LEDGER}
    for people, (hits, _) in MEASURED.items():
        found[people] = Verdicts(**{name: shown[f"{people}_{name}"] for name in ("raw", *VERDICTS)})
        counts = {verdict: getattr(row, f"{hits}_{verdict}") for verdict in VERDICTS}
        counts["raw"] = sum(counts.values())
        found[hits] = Verdicts(
            **{name: count if shown[f"{people}_{name}"] is not None else None for name, count in counts.items()}
        )
    return Figures(**found)
