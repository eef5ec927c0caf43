"""The directory: every filter, addresses that nobody meant, and the cost of a page."""

import re
from html import unescape

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.directory import search_directory
from cms.models import AgeGroup, FruitlessSearch, Kind, Topic
from tests.factories import entry

pytestmark = pytest.mark.django_db

HOSTILE = [
    *[{facet: "nonsense"} for facet in ("kind", "sector", "region", "topic", "age", "reader")],
    *[{facet: "' OR 1=1 --"} for facet in ("q", "kind", "sector", "region", "topic", "age", "reader", "page")],
    *[{"page": page} for page in ("999999", "0", "-1", "1e9", "abc", "9" * 5000, "\0", "")],
    {"q": "x" * 10_240},
    {"q": "\0"},
    {"q": "visits\0", "sector": "\0health", "page": "1\0"},
    {"q": "'; DROP TABLE cms_entry; --"},
    {"q": "\ud800".encode("utf-8", "surrogatepass")},
    {"q": "%_\\[]*?{}()"},
    {"q": ["one", "two"], "kind": ["event", "resource"], "sector": ["health", "schools"]},
]


def titles(**params):
    return {page.title for page in search_directory(params).page.object_list}


# --- Filters -------------------------------------------------------------------------------------


def test_kind_filter():
    entry(Kind.EVENT, title="Seminar")
    entry(Kind.RESOURCE, title="Leaflet")
    assert titles(kind="event") == {"Seminar"}


def test_sector_filter_also_finds_what_is_for_everyone():
    entry(title="For health", sectors=["health"])
    entry(title="For health and schools", sectors=["schools", "health"])
    entry(title="For schools", sectors=["schools"])
    entry(title="For everyone")
    assert titles(sector="health") == {"For health", "For health and schools", "For everyone"}


def test_region_filter_also_finds_what_is_national():
    entry(title="In London", regions=["london"])
    entry(title="In the South", regions=["london", "south-east"])
    entry(title="In the North East", regions=["north-east"])
    entry(title="National")
    assert titles(region="london") == {"In London", "In the South", "National"}


def test_topic_filter_finds_only_what_is_on_it():
    about = entry(title="On visits")
    about.topics.set(Topic.objects.filter(slug__in=["visits", "babies"]))
    about.save()
    entry(title="On nothing in particular")
    assert titles(topic="visits") == {"On visits"}


def test_age_filter_also_finds_what_is_for_all_ages():
    for title, ages in (("Little ones", ["under-3"]), ("Bigger ones", ["5-to-10"]), ("All", [])):
        page = entry(title=title)
        page.age_groups.set(AgeGroup.objects.filter(slug__in=ages))
        page.save()
    assert titles(age="under-3") == {"Little ones", "All"}


def test_reader_filter():
    entry(title="For a child", reader="children")
    entry(title="For us")
    assert titles(reader="children") == {"For a child"}


@pytest.mark.parametrize("words", ["BABIES", "mother", "sample trust", "  babies   in prison "])
def test_words_are_found_in_title_summary_and_publisher(words):
    entry(title="Babies in prison", summary="A mother and her child.", publisher="Sample Trust")
    entry(title="Something else")
    assert titles(q=words) == {"Babies in prison"}


@pytest.mark.parametrize("sign", ["%", "_"])
def test_wildcards_of_the_database_mean_themselves(sign):
    entry(title=f"A{sign}B")
    entry(title="AxB")
    assert titles(q=f"A{sign}B") == {f"A{sign}B"}


def test_filters_narrow_together_and_list_an_entry_once():
    entry(Kind.EVENT, title="This one", sectors=["health", "schools", "prisons"], regions=["london", "south-east"])
    entry(Kind.EVENT, title="Elsewhere", sectors=["health"], regions=["north-east"])
    entry(Kind.RESOURCE, title="Another kind", sectors=["health"], regions=["london"])
    results = search_directory({"kind": "event", "sector": "health", "region": "london", "q": "one"})
    assert [page.title for page in results.page.object_list] == ["This one"]
    assert results.page.paginator.count == 1


def test_drafts_are_not_listed_and_the_newest_comes_first():
    entry(title="Draft", live=False)
    now = timezone.now()
    entry(title="Newer", published=now)
    entry(title="Older", published=now - timezone.timedelta(days=1))
    assert [page.title for page in search_directory({}).page.object_list] == ["Newer", "Older"]


# --- Addresses that nobody meant -----------------------------------------------------------------


@pytest.mark.parametrize("params", HOSTILE, ids=lambda params: ascii(params)[:50])
def test_any_address_gives_a_clean_page(client, params):
    entry(title="Visits")
    response = client.get("/directory/", params)
    assert response.status_code == 200
    assert len(response.content) < 100_000


@pytest.mark.parametrize("params", [{"kind": "nonsense"}, {"sector": "' OR 1=1 --"}, {"page": "999999"}])
def test_unknown_values_are_ignored(client, params):
    entry(title="Still listed")
    assert b"Still listed" in client.get("/directory/", params).content


@pytest.mark.parametrize("name", ["q", "kind", "sector", "page"])
def test_script_in_the_address_is_escaped(client, name):
    text = client.get("/directory/", {name: '"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert" not in text
    assert '"><script' not in text


def test_script_in_an_entry_is_escaped(client):
    page = entry(title="<script>alert(1)</script>", summary="<img src=x onerror=alert(2)>", publisher="<b>P</b>")
    for address in ("/", "/directory/", page.url):
        text = client.get(address).content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>P</b>" not in text


# --- Pages of results ----------------------------------------------------------------------------


def test_pagination_keeps_the_filters(client):
    for number in range(25):
        entry(title=f"Found & kept {number:02}", summary="Of use.", sectors=["health"])
        if number < 5:
            entry(Kind.EVENT, title=f"Left out {number}", sectors=["health"])
    seen, address = [], "/directory/?q=found+%26&kind=resource&sector=health&region="
    for _ in range(2):
        text = client.get(address).content.decode()
        assert "Left out" not in text
        seen += re.findall(r"Found &amp; kept \d\d", text)
        following = re.search(r'rel="next"\s+href="([^"]+)"', text)
        address = "/directory/" + unescape(following[1]) if following else ""
    assert not address, "25 entries fill two pages"
    assert len(seen) == len(set(seen)) == 25


# --- Single entries, case studies, and the cost of it ---------------------------------------------


def test_entry_lives_below_the_directory(client):
    page = entry(Kind.SERVICE, slug="a-service", title="A service")
    assert page.url == "/directory/a-service/"
    assert b"A service" in client.get("/directory/a-service/").content
    assert client.get("/directory/no-such-entry/").status_code == 404


def test_draft_has_no_address(client):
    entry(slug="a-draft", live=False)
    assert client.get("/directory/a-draft/").status_code == 404


def test_case_study_is_listed_without_its_body(client, member_client):
    entry(Kind.CASE_STUDY, title="A nursery", body="<p>Confidential account</p>", what_changed="Confidential change")
    for reader in (client, member_client):
        for address in ("/", "/directory/", "/directory/?kind=case-study", "/directory/?q=nursery"):
            text = reader.get(address).content.decode()
            assert "A nursery" in text
            assert "Confidential" not in text


def test_body_of_a_case_study_cannot_be_found_by_searching():
    entry(Kind.CASE_STUDY, title="A nursery", body="<p>Confidential account</p>", setting="Confidential setting")
    assert titles(q="confidential") == set()


def test_home_counts_live_entries_of_each_kind(client):
    entry(Kind.EVENT)
    entry(Kind.EVENT)
    entry(Kind.POLICY)
    entry(Kind.POLICY, live=False)
    counts = dict(client.get("/").context["kinds"])
    assert {kind: count for kind, count in counts.items() if count} == {Kind.EVENT: 2, Kind.POLICY: 1}
    assert list(counts) == list(Kind)


def test_home_shows_the_next_events_and_the_newest_entries(client):
    today = timezone.now()
    entry(Kind.EVENT, title="Long past", starts_at=today - timezone.timedelta(days=3))
    entry(Kind.EVENT, title="Soon", starts_at=today + timezone.timedelta(days=3))
    entry(title="Brand new", published=today)
    context = client.get("/").context
    assert [page.title for page in context["events"]] == ["Soon"]
    assert next(iter(context["newest"])).title == "Brand new"


def _queries(client, address):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_queries_do_not_grow_with_the_entries(client):
    def grow(number):
        for place in range(number):
            kind = list(Kind)[-1 - place % 8]
            entry(kind, sectors=["health", "schools"], regions=["london"] if place % 2 else [])

    addresses = ["/", "/directory/", "/directory/?q=offers&sector=health&region=london"]
    grow(5)
    for address in addresses:
        client.get(address)  # fills the caches of sites and content types
    few = [_queries(client, address) for address in addresses]
    grow(55)
    many = [_queries(client, address) for address in addresses]
    assert many == few
    assert max(many) < 30


# --- Words that nothing holds together --------------------------------------------------------------


def ways(client, address):
    """What is offered instead: words of each link, and how many entries it really finds."""
    page = BeautifulSoup(client.get(f"/directory/{address}").content, "html.parser")
    return {
        " ".join(link.get_text().split()): client.get(f"/directory/{link['href']}").context["results"].total
        for link in page.select(".wider a")
    }


def test_words_that_are_only_held_apart_lead_to_what_there_is(client):
    for number in range(2):
        entry(title=f"Grandparents {number}", summary="Kin.")
    entry(title="Housing", summary="A home.")
    text = client.get("/directory/?q=grandparents+housing").content.decode()
    assert "No entry holds all of these words together" in text
    assert "We have nothing on this yet" not in text
    found = ways(client, "?q=grandparents+housing")
    assert found == {"1 entry without “grandparents”": 1, "2 entries without “housing”": 2}


def test_what_is_chosen_stays_where_it_may(client):
    entry(Kind.SERVICE, title="Grandparents", summary="Kin.")
    entry(Kind.POLICY, title="Housing", summary="A home.")
    found = ways(client, "?q=grandparents+housing&kind=service")
    assert found["1 entry without “housing”"] == 1
    assert found["1 entry without “grandparents”, if you drop the other choices"] == 1


def test_words_of_which_no_two_stand_together_are_offered_alone(client):
    for word in ("Grandparents", "Housing", "Court"):
        entry(title=word, summary="Of use.")
    found = ways(client, "?q=grandparents+housing+court+-toys")
    assert found == {f"1 entry for “{word}”": 1 for word in ("grandparents", "housing", "court")}


def test_words_that_are_all_held_are_not_noted_as_missing(client):
    entry(title="Grandparents", summary="Kin.")
    entry(title="Housing", summary="A home.")
    client.get("/directory/?q=grandparents+housing")
    assert not FruitlessSearch.objects.exists()
    client.get("/directory/?q=grandparents+xylophone")
    assert FruitlessSearch.objects.get().words == "grandparents xylophone"


def test_finding_nothing_costs_one_query_more_however_many_words(client):
    for word in ("Grandparents", "Housing", "Court", "School"):
        entry(title=word, summary="Of use.")
    addresses = [f"/directory/?q={words}&kind=event" for words in ("grandparents+housing", "court+school+housing")]
    client.get(addresses[0])
    few, many = (_queries(client, address) for address in addresses)
    assert few == many < 20
