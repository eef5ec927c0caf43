"""Reading a CSV or XLSX file that somebody uploads: all as text, within limits, or a sentence that says why not."""

import csv
import io
import json
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from openpyxl import load_workbook

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 20_000
MAX_COLUMNS = 60
MAX_CELL = 1000  # characters
# What an XLSX file may grow to: twenty thousand full rows take about a third of it.
MAX_UNPACKED = 40 * 1024 * 1024
MAX_PARTS = 500
ENCODINGS = ("utf-8-sig", "cp1252")  # what Excel writes; plain UTF-8 is read by the first
DELIMITERS = (",", ";", "\t")


class FileError(ValueError):
    """The whole file cannot be used; the message is for the person who chose it."""


@dataclass(frozen=True)
class Sheet:
    """The names of the columns, and the rows that hold anything, each with its number as a spreadsheet shows it."""

    headers: list[str]
    rows: list[tuple[int, list[str]]]

    def dump(self) -> bytes:
        """The same in a form that `load` reads a hundred times faster than the file it came from."""
        return json.dumps([self.headers, self.rows]).encode()

    @classmethod
    def load(cls, content: bytes) -> "Sheet":
        headers, rows = json.loads(content)
        return cls(headers, [(number, cells) for number, cells in rows])


def read(content: bytes) -> Sheet:
    """Read a file by what it is, not by what it is called. Raises FileError."""
    if len(content) > MAX_BYTES:
        raise FileError(f"This file is larger than {MAX_BYTES // 1024 // 1024} MB. Split it into several.")
    if not content.strip():
        raise FileError("This file is empty.")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileError("This is an old or password-protected Excel file. Save it as .xlsx, without a password.")
    return _sheet(_xlsx_rows(content) if content.startswith(b"PK\x03\x04") else _csv_rows(content))


def _sheet(rows: Iterable[list[str]]) -> Sheet:
    """Take the first row that holds anything for the names of the columns."""
    headers: list[str] = []
    found: list[tuple[int, list[str]]] = []
    for number, cells in enumerate(rows, start=1):
        if not any(cells):
            continue
        if len(cells) > MAX_COLUMNS:
            raise FileError(f"Row {number} has more than {MAX_COLUMNS} columns. Is this a list of people?")
        if any(len(cell) > MAX_CELL for cell in cells):
            raise FileError(f"Row {number} has a cell of more than {MAX_CELL} characters. Is a quotation mark missing?")
        if not headers:
            headers = cells
            continue
        if len(found) == MAX_ROWS:
            raise FileError(f"This file has more than {MAX_ROWS:,} rows. Split it into several.")
        found.append((number, cells))
    if not found:
        raise FileError("This file has no rows below its first, which must name the columns.")
    return Sheet(headers, found)


def _csv_rows(content: bytes) -> Iterator[list[str]]:
    text = _decoded(content)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            yield [_tidy(cell) for cell in cells]
    except csv.Error as error:
        raise FileError(f"This file is not well-formed CSV ({error}).") from error


def _decoded(content: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise FileError(
        "This is neither an XLSX file nor CSV text in UTF-8 or Windows encoding. Save it as .xlsx and try again."
    )


def _xlsx_rows(content: bytes) -> Iterator[list[str]]:
    """Yield the rows of the first sheet. Formulas are not computed: they come as the text that they are."""
    _check_archive(content)
    broken = FileError("This XLSX file is damaged, or is something else. Open it, save it as .xlsx and try again.")
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        sheets = book.worksheets
    except Exception as error:  # whatever the parser makes of a hostile file, the answer is the same
        raise broken from error
    if not sheets:
        raise FileError("This XLSX file has no sheet.")
    # What the file says of its own size is not believed; two rows more than allowed are enough to refuse it.
    sheets[0].reset_dimensions()
    rows = sheets[0].iter_rows(max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS + 1, values_only=True)
    while True:
        try:
            cells = next(rows, None)
        except Exception as error:
            raise broken from error
        if cells is None:
            return
        yield _without_empty_end([_tidy(cell) for cell in cells])


def _check_archive(content: bytes) -> None:
    """Refuse a file that unpacks to far more than it should, before anything of it is unpacked."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except zipfile.BadZipFile as error:
        raise FileError("This XLSX file is damaged. Open it, save it again and try once more.") from error
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise FileError("This XLSX file holds far more than a list of people. Copy the list into a new file.")


def _tidy(cell: Any) -> str:
    """A cell as text: one line, without control characters and what cannot be seen."""
    if cell is None:
        return ""
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    seen = (letter for letter in text if unicodedata.category(letter) != "Cf")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in seen).split())


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells
