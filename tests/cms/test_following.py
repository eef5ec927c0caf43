"""People find feeds, calendar and open data: below results, in the head of a page, and on a page of their own."""

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.models import Kind, Sector
from tests.factories import entry

pytestmark = pytest.mark.django_db


def soup(client, address, **headers):
    return BeautifulSoup(client.get(address, headers=headers).content, "html.parser")


def offered(page):
    return {a["href"]: " ".join(a.get_text().split()) for a in page.select(".follow a")}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("", ["/feeds/directory/"]),
        ("?q=visits", ["/feeds/directory/"]),
        ("?kind=training", ["/feeds/kind/training/"]),
        ("?sector=health&region=london", ["/feeds/sector/health/"]),
        ("?kind=event&sector=health", ["/feeds/kind/event/", "/feeds/sector/health/", "/calendar/events.ics"]),
        ("?kind=event&kind=training", ["/feeds/directory/", "/calendar/events.ics"]),
        ("?kind=nonsense", ["/feeds/directory/"]),
    ],
)
def test_below_results_are_the_feeds_and_the_calendar_that_fit_them(client, asked, expected):
    for headers in ({}, {"HX-Request": "true"}):
        links = offered(soup(client, f"/directory/{asked}", **headers))
        assert [address for address in links if address != "/open-data/"] == expected
        assert "/open-data/" in links
    assert [client.get(address).status_code for address in links] == [200] * len(links)


def test_feeds_are_named_after_what_is_chosen(client):
    links = offered(soup(client, "/directory/?kind=event&sector=health"))
    assert links["/feeds/kind/event/"] == "Follow “Events” by RSS"
    assert links["/feeds/sector/health/"] == "Follow “Health” by RSS"


def test_head_of_the_page_tells_programs_of_the_same_feeds(client):
    def told(address):
        found = soup(client, address).select("head link[rel=alternate][type='application/rss+xml']")
        return [link["href"] for link in found]

    assert {"/feeds/kind/training/", "/feeds/sector/health/"} <= set(told("/directory/?kind=training&sector=health"))
    assert not [one for one in told("/directory/") if "/kind/" in one or "/sector/" in one]


def test_open_data_leads_to_every_feed_and_to_the_data_and_all_of_it_answers(client):
    entry(Kind.EVENT)
    page = soup(client, "/open-data/").select_one("main")
    links = {a["href"] for a in page.select("a") if not a["href"].startswith("#")}
    for name in (*(f"kind/{kind.value}" for kind in Kind), *(f"sector/{one.slug}" for one in Sector.objects.all())):
        assert {f"/feeds/{name}/", f"/feeds/{name}/atom/"} <= links
    assert {"/feeds/directory/", "/feeds/e-news/", "/calendar/events.ics", "/api/v2/entries/"} <= links
    assert [address for address in links if client.get(address).status_code != 200] == []


def test_open_data_is_in_the_foot_of_every_page_and_costs_one_query(client):
    assert soup(client, "/").select("footer a[href='/open-data/']")
    with CaptureQueriesContext(connection) as captured:
        client.get("/open-data/")
    assert len([one for one in captured if "cms_sector" in one["sql"]]) == 1
    assert len(captured) <= 3
