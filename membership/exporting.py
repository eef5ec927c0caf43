"""Writing members to a file that a spreadsheet opens: row by row, with nothing a spreadsheet would run."""

from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from cms.addresses import masked
from cms.csv_files import safe_cell
from membership.models import Member

HEADINGS = (
    *("First name", "Last name", "E-mail address", "Sectors", "Region", "Organisation", "Job role"),
    *("State", "Paused until", "Opens measured", "Clicks measured", "Address suppressed", "Joined"),
)


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


def _yes(value: object) -> str:
    return "yes" if value else "no"
