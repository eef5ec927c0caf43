"""The totals of enquiries as files that a spreadsheet opens, with nothing in them that it would run."""

from collections.abc import Iterator
from typing import Any

import tablib

from cms.csv_files import csv_lines, safe_cell
from cms.enquiry_totals import Totals
from cms.open_data import plain


def tables(totals: Totals) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    """Each table of the report: its title, its headings and its rows. Hidden cells stay hidden.

    Labels are made plain: a control character in a title would be refused by the writer of workbooks.
    """
    for title, word, rows in (
        ("By month", "Month", totals.months),
        ("By sector", "Sector", totals.sectors),
        ("By region", "Region", totals.regions),
        ("By topic", "Topic", totals.topics),
        ("Most signposted", "Entry", totals.entries),
    ):
        yield title, [word, "Enquiries"], [[plain(label), count] for label, count in rows]
    crossed: list[list[Any]] = [
        [plain(one.name), *(words if cell is None else cell for cell, words in zip(one.cells, one.words, strict=True))]
        for one in totals.crossing
    ]
    yield "Sector and topic", ["Sector", *map(plain, totals.topic_names)], crossed


def csv_file(totals: Totals) -> Iterator[bytes]:
    """Yield the tables one below the other, an empty line between them."""
    lines: list[list[str]] = [[f"Enquiries to the helpline, {totals.period.words}", str(totals.enquiries)]]
    for title, headings, rows in tables(totals):
        lines += [[], [title], headings, *([str(cell) for cell in row] for row in rows)]
    yield from csv_lines(lines)


def xlsx_file(totals: Totals) -> bytes:
    """The tables as a workbook, one sheet each."""
    book = tablib.Databook()
    for title, headings, rows in tables(totals):
        sheet = tablib.Dataset(title=title, headers=[safe_cell(text) for text in headings])
        for row in rows:
            sheet.append([safe_cell(cell) if isinstance(cell, str) else cell for cell in row])
        book.add_sheet(sheet)
    content: bytes = book.export("xlsx")
    return content
