"""Writing members to a file that a spreadsheet opens: row by row, with nothing a spreadsheet would run."""

import csv
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from cms.addresses import masked
from membership.models import Member

HEADINGS = (
    *("First name", "Last name", "E-mail address", "Sectors", "Region", "Organisation", "Job role"),
    *("State", "Paused until", "Opens measured", "Clicks measured", "Address suppressed", "Joined"),
)
# What makes a spreadsheet take a cell for a formula (OWASP, "CSV injection").
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def member_rows(members: Iterable[Member], *, show_addresses: bool) -> Iterator[list[str]]:
    """Yield the headings, then one row per member. Members come from `listing.members_for_staff()`."""
    yield list(HEADINGS)
    for member in members:
        user, subscription = member.user, getattr(member, "subscription", None)
        paused_until = subscription.paused_until if subscription else None
        yield [
            user.first_name,
            user.last_name,
            user.email if show_addresses else masked(user.email),
            ", ".join(sector.name for sector in member.sectors.all()),
            member.region.name if member.region else "National",
            member.organisation,
            member.job_role,
            str(subscription.get_state_display()) if subscription else "",
            paused_until.isoformat() if paused_until else "",
            _yes(subscription and subscription.track_opens),
            _yes(subscription and subscription.track_clicks),
            _yes(getattr(member, "suppressed", False)),
            timezone.localtime(member.joined_at).date().isoformat(),
        ]


def safe_cell(text: str) -> str:
    """Return a cell's text so that no spreadsheet runs it: whatever looks like a formula gets a quote before it."""
    return "'" + text if text.startswith(DANGEROUS) else text


def csv_lines(rows: Iterable[list[str]]) -> Iterator[bytes]:
    """Yield the lines of a CSV file in UTF-8, with the mark by which Excel recognises it."""
    writer = csv.writer(_Echo())
    yield b"\xef\xbb\xbf"
    for row in rows:
        yield writer.writerow([safe_cell(cell) for cell in row])


def xlsx_file(rows: Iterable[list[str]]) -> IO[bytes]:
    """Write an XLSX file to disk, row by row, and return it open at its beginning; it goes when it is closed."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Members")
    for row in rows:
        cells = []
        for text in row:
            cell = WriteOnlyCell(sheet, safe_cell(text))
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    file = TemporaryFile()  # noqa: SIM115  whoever sends it closes it
    book.save(file)
    file.seek(0)
    return file


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> bytes:
        return line.encode()


def _yes(value: object) -> str:
    return "yes" if value else "no"
