"""Growth and where members work: the figures, what is hidden, and the drawings."""

from datetime import date, datetime
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from membership import growth
from membership.charts import cell_chart, growth_chart
from membership.growth import Cell, Month
from membership.models import Subscription
from membership.sample_members import make_members
from tests.factories import subscription
from tests.membership.staffing import adviser

pytestmark = pytest.mark.django_db
State = Subscription.State
OVERVIEW = reverse("members:overview")
SVG = "{http://www.w3.org/2000/svg}"


def at(*parts):
    return timezone.make_aware(datetime(*parts))


def confirmed(when, left=None):
    one = subscription()
    state = State.ENDED if left else State.ACTIVE
    Subscription.objects.filter(pk=one.pk).update(confirmed_at=when, ended_at=left, state=state)


def test_growth_counts_by_local_month_for_two_years():
    confirmed(at(2026, 8, 1, 0, 30))  # July in UTC
    confirmed(at(2026, 8, 31, 23, 59), left=at(2026, 9, 2))
    confirmed(at(2024, 9, 30))  # too long ago
    subscription(state=State.PENDING)
    subscription(state=State.ENDED)
    Subscription.objects.filter(state=State.ENDED, ended_at__gt=at(2026, 10, 1)).update(confirmed_at=None)
    months = growth.growth(date(2026, 9, 15))
    assert (len(months), months[0].first_day, months[-1].first_day) == (24, date(2024, 10, 1), date(2026, 9, 1))
    assert [(month.first_day.month, month.joined, month.left) for month in months if month.joined or month.left] == [
        (8, 2, 0),
        (9, 0, 1),
    ]


def test_small_cells_are_hidden():
    for _ in range(10):
        subscription(sectors=["health"], region_slug="london")
    for _ in range(9):
        subscription(sectors=["schools"], region_slug=None)
    sectors = {cell.name: cell.words for cell in growth.by_sector()}
    assert (sectors["Health"], sectors["Schools and education"], sectors["Early years"]) == ("10", "fewer than 10", "0")
    regions = {cell.name: cell.words for cell in growth.by_region()}
    assert (regions["London"], regions["National"], regions["North East"]) == ("10", "fewer than 10", "0")


def test_only_those_whose_e_news_goes_on_are_counted():
    for state in (State.PENDING, State.ENDED):
        for _ in range(6):
            subscription(state=state)
    assert {cell.members for cell in growth.by_sector()} == {0}
    assert dict(growth.by_state())["Ended"] == 6


@pytest.mark.parametrize(
    "svg",
    [
        growth_chart([Month(date(2026, month, 1), month, 1) for month in range(1, 13)]),
        growth_chart([Month(date(2026, 1, 1), 0, 0)]),
        cell_chart("sectors", "Members by sector", [Cell("A & <B>", 20), Cell("C", None), Cell("D", 0)]),
        cell_chart("sectors", "Members by sector", [Cell("C", None)]),
    ],
)
def test_drawings_need_no_script_and_can_be_heard(svg):
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert "<script" not in svg
    assert "http" not in svg.replace("http://www.w3.org", ""), "nothing comes from elsewhere"
    assert root.attrib["role"] == "img"
    named = [root.find(f"{SVG}{tag}") for tag in ("title", "desc")]
    assert [element.attrib["id"] for element in named] == root.attrib["aria-labelledby"].split()
    assert all(element.text for element in named)
    assert len(root.findall(f".//{SVG}title")) == 1, "no tooltips over the bars"


def test_a_hidden_cell_has_no_bar():
    root = ElementTree.fromstring(cell_chart("sectors", "Members by sector", [Cell("A", 20), Cell("C", None)]))
    assert len([bar for bar in root.iter(f"{SVG}rect") if "reactive" in bar.attrib.get("class", "")]) == 1


def test_the_overview_in_a_fixed_number_of_queries():
    make_members(40)
    client = adviser()
    client.get(OVERVIEW)
    with CaptureQueriesContext(connection) as queries:
        text = client.get(OVERVIEW).content.decode()
    assert len(queries) <= 20
    assert text.count("<svg") >= 3
    assert text.count("<figcaption>") == 3
    assert "fewer than 10" in text
    assert "example.org" not in text.split("<main")[-1]
