"""CSV files that a spreadsheet opens: row by row, with nothing that it would run."""

import csv
from collections.abc import Iterable, Iterator

# What makes a spreadsheet take a cell for a formula (OWASP, "CSV injection").
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """Return a cell's text so that no spreadsheet runs it: whatever looks like a formula gets a quote before it."""
    return "'" + text if text.startswith(DANGEROUS) else text


def csv_lines(rows: Iterable[list[str]]) -> Iterator[bytes]:
    """Yield the lines of a CSV file in UTF-8, with the mark by which Excel recognises it."""
    writer = csv.writer(_Echo())
    yield b"\xef\xbb\xbf"
    for row in rows:
        yield writer.writerow([safe_cell(cell) for cell in row])


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> bytes:
        return line.encode()
