"""The report of what the helpline was asked about: right figures, small crossings hidden, files nothing runs in."""

import io
from datetime import date, datetime

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from cms.enquiry_totals import NOT_KNOWN, Period, read_period, totals
from cms.models import Enquiry, Entry, Topic
from tests.factories import UserFactory, entry, region, sector
from tests.membership.staffing import adviser, officer

pytestmark = pytest.mark.django_db
PAGE = "/admin/hub/enquiries/"
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 1))


def enquiry(
    day=10, month=10, *, year=2026, hour=12, sector_slug=None, region_slug=None, topics=(), entries=(), **fields
):
    made = Enquiry.objects.create(
        made_at=timezone.make_aware(datetime(year, month, day, hour)),
        sector=sector(sector_slug) if sector_slug else None,
        region=region(region_slug) if region_slug else None,
        **{"answered": "email", **fields},
    )
    made.topics.set(Topic.objects.filter(slug__in=topics))
    made.entries.set(entries)
    return made


@pytest.fixture
def today():
    with time_machine.travel(datetime(2026, 11, 22, 12), tick=False):
        yield


def test_totals_by_month_sector_region_topic_and_entry(db):
    line, book = entry(title="A line"), entry(title="A book")
    enquiry(sector_slug="health", region_slug="london", topics=["visits", "babies"], entries=[line, book])
    enquiry(sector_slug="health", topics=["visits"], entries=[line], answered="print")
    enquiry(month=9, sector_slug="schools", entries=[book])
    found = totals(Period(date(2026, 9, 1), date(2026, 10, 1)))
    assert (found.enquiries, found.by_mail) == (3, 2)
    assert found.months == [("September 2026", 1), ("October 2026", 2)]
    assert dict(found.sectors)["Health"] == 2
    assert dict(found.regions)["London"] == 1
    assert dict(found.regions)[NOT_KNOWN] == 2
    assert dict(found.topics)["Visits and contact"] == 2
    assert dict(found.topics)[NOT_KNOWN] == 1
    assert found.entries == [("A line", 2), ("A book", 2)]
    assert totals(OCTOBER).entries == [("A line", 2), ("A book", 1)]


def test_month_begins_and_ends_at_midnight_in_london():
    enquiry(1, 10, hour=0)
    enquiry(30, 9, hour=23)
    enquiry(31, 10, hour=23)
    enquiry(1, 11, hour=0)
    assert totals(OCTOBER).enquiries == 2


def test_crossing_hides_what_is_below_ten():
    for _ in range(10):
        enquiry(sector_slug="health", topics=["visits"])
    for _ in range(9):
        enquiry(sector_slug="schools", topics=["visits"])
    found = totals(OCTOBER)
    place = found.topic_names.index("Visits and contact")
    cells = {one.name: (one.cells[place], one.words[place]) for one in found.crossing}
    assert cells["Health"] == (10, "10")
    assert cells["Schools"] == (None, "fewer than 10")
    assert cells["Prisons"] == (0, "0")


@pytest.mark.parametrize(
    ("params", "first", "last"),
    [
        ({}, date(2025, 12, 1), date(2026, 11, 1)),
        ({"from": "2026-03", "to": "2026-05"}, date(2026, 3, 1), date(2026, 5, 1)),
        ({"from": "2026-05", "to": "2026-03"}, date(2026, 3, 1), date(2026, 5, 1)),
        ({"from": "1066-01", "to": "' OR 1=1"}, date(2025, 12, 1), date(2026, 11, 1)),
        ({"to": "2024-01"}, date(2023, 2, 1), date(2024, 1, 1)),
    ],
    ids=["usual", "chosen", "wrong-order", "nonsense", "only-to"],
)
def test_period_is_read_from_the_address(params, first, last):
    assert read_period(params, date(2026, 11, 22)) == Period(first, last)


def test_page_draws_and_lists(today):
    enquiry(sector_slug="health", region_slug="london", topics=["visits"], entries=[entry(title="A <b>line</b>")])
    page = adviser().get(PAGE).content.decode()
    assert page.count("<svg") >= 5
    assert 'aria-labelledby="topics-title topics-description"' in page
    assert "A &lt;b&gt;line&lt;/b&gt;" in page
    assert "<b>line" not in page


def test_page_without_enquiries_says_so(today):
    assert "No enquiry was answered in this period." in adviser().get(PAGE).content.decode()


def test_files_hold_the_same_figures_and_no_formula(today):
    for _ in range(3):
        enquiry(sector_slug="health", topics=["visits"], entries=[entry(title='=HYPERLINK("http://x.example.org")')])
    browser = adviser()
    answer = browser.get(PAGE, {"export": "csv"})
    text = answer.content.decode("utf-8-sig")
    assert answer["Content-Disposition"] == 'attachment; filename="enquiries-2025-12-to-2026-11.csv"'
    assert "Health,3" in text
    assert "fewer than 10" in text
    assert "\n=HYPERLINK" not in text
    assert "\"'=HYPERLINK" in text
    book = load_workbook(io.BytesIO(browser.get(PAGE, {"export": "xlsx"}).content))
    assert book.sheetnames == [
        *("By month", "By sector", "By region", "By topic", "Most signposted", "Sector and topic")
    ]
    cell = book["Most signposted"]["A2"]
    assert cell.value.startswith("'=HYPERLINK")
    assert cell.data_type == "s"
    assert ("Health", 3) in [tuple(row) for row in book["By sector"].iter_rows(values_only=True)]


def test_control_characters_in_a_title_break_no_file(today):
    page = entry(title="A line")
    Entry.objects.filter(pk=page.pk).update(title="A\x07 line\x0b\ufffe")
    enquiry(entries=[page])
    browser = adviser()
    book = load_workbook(io.BytesIO(browser.get(PAGE, {"export": "xlsx"}).content))
    assert book["Most signposted"]["A2"].value == "A line"
    assert "\r\nA line,1\r\n" in browser.get(PAGE, {"export": "csv"}).content.decode("utf-8-sig")


def test_queries_do_not_grow_with_the_enquiries(today):
    browser = adviser()

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(PAGE).status_code == 200
        return len(queries)

    enquiry(sector_slug="health", topics=["visits"], entries=[entry()])
    count()
    few = count()
    for place in range(15):
        enquiry(month=1 + place % 9, sector_slug="schools", topics=["babies", "visits"], entries=[entry(), entry()])
    assert count() == few


def test_only_those_with_the_permission_see_totals(today, member_client):
    author = Client()
    person = UserFactory()
    person.groups.add(Group.objects.get(name="Author"))
    author.force_login(person)
    assert author.get(PAGE).status_code == 200
    assert officer().get(PAGE).status_code in {302, 403}
    assert member_client.get(PAGE).status_code in {302, 403}
