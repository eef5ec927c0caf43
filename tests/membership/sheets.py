"""Lists as people upload them."""

import csv
import io
import zipfile

from openpyxl import Workbook

HEADERS = ["E-mail", "First name", "Surname", "Sector", "Region", "Employer", "Job title"]


def row(email="nina@example.net", first="Nina", last="Nye", sector="Health", region="London", employer="", job=""):
    return [email, first, last, sector, region, employer, job]


def csv_file(*rows, headers=HEADERS, encoding="utf-8", delimiter=","):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([headers, *rows])
    return text.getvalue().encode(encoding)


def xlsx_file(*rows, headers=HEADERS):
    book = Workbook()
    for cells in [headers, *rows]:
        book.active.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def changed_part(content, name, replace):
    """An XLSX file with one of its parts rewritten."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, replace(old.read(part)) if part == name else old.read(part))
    return file.getvalue()
