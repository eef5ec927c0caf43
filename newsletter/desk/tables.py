"""Tables of reports: on the page, and as a file. What is hidden on the page is hidden in the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from io import BytesIO
from itertools import groupby
from typing import NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from openpyxl import Workbook

from cms.csv_files import csv_lines, safe_cell
from newsletter.figures import Figures
from newsletter.hiding import HIDDEN

TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
LONGEST_TITLE = 31  # of a sheet, in the programs that open it
FORBIDDEN = re.compile(r"[\\/*?:\[\]\x00-\x1f]")  # in it


class Share(float):
    """A share of one, shown as percent."""

    def __str__(self) -> str:
        return f"{self * 100:.1f}" if self < 0.1 else f"{self * 100:.0f}"


Value = str | int | Share | None  # None = hidden


class Column(NamedTuple):
    """A column; those with the same group stand under one heading. `wide` ones are in files only."""

    label: str
    group: str = ""
    wide: bool = False
    number: bool = True

    @property
    def name(self) -> str:
        return f"{self.group}: {self.label}" if self.group else self.label


class Group(NamedTuple):
    label: str
    columns: list[Column]


@dataclass(frozen=True)
class Row:
    """One row; the first value names it, and leads to `url` where there is one."""

    values: Sequence[Value]
    url: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its name in the address, its chart, and what must be known to read it."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""
    chart: SafeString | str = ""
    folded: bool = False  # shown when asked for
    most: int = 100  # rows on the page; the file has all
    lines: list[Row] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", list(self.rows[: self.most]))

    @property
    def shown(self) -> list[Column]:
        return [column for column in self.columns if not column.wide]

    @cached_property
    def groups(self) -> list[Group]:
        """The upper headings; none where no column has one."""
        if not any(column.group for column in self.shown):
            return []
        return [Group(label, list(columns)) for label, columns in groupby(self.shown, key=lambda one: one.group)]

    def body(self) -> SafeString:
        """The rows on the page, put together here: a template takes ten times as long over some thousand cells."""
        places = [place for place, column in enumerate(self.columns) if not column.wide][1:]
        return mark_safe("".join(self._row(row, places) for row in self.lines))  # noqa: S308  escaped cell by cell

    @property
    def left_out(self) -> int:
        return len(self.rows) - len(self.lines)

    @property
    def hides(self) -> bool:
        return any(value is None for row in self.rows for value in row.values)

    def _row(self, row: Row, places: Sequence[int]) -> str:
        name: str = escape(str(row.values[0]))
        if row.url:
            name = f'<a href="{escape(row.url)}">{name}</a>'
        cells = "".join(self._cell(place, row.values[place]) for place in places)
        return f'<tr><th scope="row">{name}</th>{cells}</tr>'

    def _cell(self, place: int, value: Value) -> str:
        names = ["desk-number"] if self.columns[place].number else []
        names += ["report-hidden"] if value is None else []
        text = HIDDEN if value is None else str(value) if isinstance(value, Share) else _plain(value)
        return f'<td class="{" ".join(names)}">{escape(text)}</td>'

    def plain_rows(self) -> list[list[str | int | float]]:
        """For files: headings, then values; numbers stay numbers."""
        rows: list[list[str | int | float]] = [[column.name for column in self.columns]]
        for row in self.rows:
            rows.append([_for_file(value) for value in row.values])
        return rows


def _plain(value: str | int) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _for_file(value: Value) -> str | int | float:
    if value is None:
        return HIDDEN
    if isinstance(value, Share):
        return round(float(value) * 100, 1)
    return value


MEASURED = ("In all", "People", "Cannot be told", "Machines")
FIGURE_COLUMNS = (
    Column("Sent to"),
    Column("Delivered", wide=True),
    Column("Bounced", wide=True),
    Column("Complained", wide=True),
    Column("Left", wide=True),
    Column("Agreed", "Opened by"),
    *(Column(label, "Opened by") for label in MEASURED),
    *(Column(label, "Opens", wide=True) for label in MEASURED),
    Column("Agreed", "Links followed by"),
    *(Column(label, "Links followed by") for label in MEASURED),
    Column("Share, %", "Links followed by"),
    *(Column(label, "Clicks", wide=True) for label in MEASURED),
)


def figure_values(figures: Figures) -> list[Value]:
    """The values of FIGURE_COLUMNS."""
    people = [[one.raw, one.human, one.unknown, one.machine] for one in (figures.openers, figures.clickers)]
    hits = [[one.raw, one.human, one.unknown, one.machine] for one in (figures.opens, figures.clicks)]
    return [
        *(figures.sent, figures.delivered, figures.bounced, figures.complained, figures.departed),
        *(figures.agreed_opens, *people[0], *hits[0]),
        *(figures.agreed_clicks, *people[1], share(figures.click_share), *hits[1]),
    ]


def counted_words(moment: datetime | None) -> str:
    """When figures were counted: “at 14:05”, or with the day when that is another."""
    if not moment:
        return ""
    moment = timezone.localtime(moment)
    day = "" if moment.date() == timezone.localdate() else f"on {date_format(moment, 'j F Y')} "
    return f"{day}at {moment:%H:%M}"


def share(value: float | None) -> Share | None:
    return None if value is None else Share(value)


def download(request: HttpRequest, tables: Sequence[Table], name: str) -> HttpResponse | None:
    """The file that was asked for: one table as CSV, or all of them as XLSX, each a sheet. None where none was.

    Raises Http404 for a table that is not among them.
    """
    asked = request.GET.get("download", "")
    if asked not in TYPES:
        return None
    if asked == "xlsx":
        content, file = _xlsx(tables), f"{name}.xlsx"
    else:
        chosen = [table for table in tables if table.name == request.GET.get("table", tables[0].name)]
        if not chosen:
            raise Http404
        rows = ([str(cell) for cell in row] for row in chosen[0].plain_rows())
        content, file = b"".join(csv_lines(rows)), f"{name}-{chosen[0].name}.csv"
    response = HttpResponse(content, content_type=TYPES[asked])
    response["Content-Disposition"] = f'attachment; filename="{file}"'
    return response


def _xlsx(tables: Sequence[Table]) -> bytes:
    """One sheet for each table. Without tablib, which dwells on the look of each cell."""
    book = Workbook(write_only=True)
    names: set[str] = set()
    for table in tables:
        sheet = book.create_sheet(_sheet_name(table.title, names))
        for row in table.plain_rows():
            sheet.append([safe_cell(cell) if isinstance(cell, str) else cell for cell in row])
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _sheet_name(title: str, taken: set[str]) -> str:
    """A title as the programs that open it allow: without some characters, short, and no other's; added to `taken`."""
    plain = FORBIDDEN.sub("-", title).strip("'")
    name, number = plain[:LONGEST_TITLE], 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain[: LONGEST_TITLE - len(f' {number}')]} {number}"
    taken.add(name.casefold())
    return name
