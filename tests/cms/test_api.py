"""The JSON API of entries: what it gives, what it refuses, and what it costs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from wagtail.models import PageViewRestriction

from cms.models import Kind, Topic
from tests.factories import entry

pytestmark = pytest.mark.django_db

LIST = "/api/v2/entries/"
HOSTILE = [
    *[{name: "nonsense"} for name in ("kind", "sector", "topic", "region", "limit", "offset")],
    *[{name: "' OR 1=1 --"} for name in ("kind", "sector", "topic", "region")],
    *[{name: "x" * 10_240} for name in ("kind", "sector")],
    *[{"limit": value} for value in ("51", "-1", "1e9", "9" * 5000, "٣", "\0")],
    *[{"offset": value} for value in ("999999999999", "-1", "0x1")],
    {"sector": "\0"},
    {"fields": "*"},
    {"search": "x"},
    {"contact_email": "a@example.org"},
    {"child_of": "1"},
]


def listed(client, **params):
    response = client.get(LIST, params)
    assert response.status_code == 200, response.content
    return [found["title"] for found in response.json()["items"]]


def test_a_list_is_newest_first_and_says_how_many_there_are(client):
    for number in range(25):
        entry(title=f"Entry {number:02}")
    answer = client.get(LIST).json()
    assert answer["meta"] == {"total_count": 25}
    assert [found["title"] for found in answer["items"]] == [f"Entry {number:02}" for number in range(24, 4, -1)]
    assert listed(client, limit=3, offset=20) == ["Entry 04", "Entry 03", "Entry 02"]
    assert listed(client, offset=999_999) == []


def test_an_entry_is_given_whole_at_its_own_address(client):
    page = entry(
        Kind.SERVICE,
        title="Visits",
        summary="For families.",
        body='<p>Ring <a href="https://trust.example.org/">us</a> or see <a linktype="document" id="7">this</a>.</p>',
        sectors=["health"],
        publisher="Trust",
        phone="0191 498 0123",
    )
    page.topics.set(Topic.objects.filter(slug="visits"))
    page.save()
    found = client.get(LIST).json()["items"][0]
    assert found["topics"] == [{"slug": "visits", "name": "Visits and contact"}]
    assert (found["kind"], found["summary"], found["publisher"]) == ("service", "For families.", "Trust")
    assert found["meta"]["html_url"] == f"http://localhost:8000/directory/{page.slug}/"
    assert "body" not in found
    whole = client.get(found["meta"]["detail_url"].removeprefix("http://localhost:8000")).json()
    assert whole["body"] == '<p>Ring <a href="https://trust.example.org/">us</a> or see <a>this</a>.</p>'
    assert {"label": "Telephone", "value": "0191 498 0123"} in whole["facts"]


def test_filters_take_any_of_their_values_and_hold_together(client):
    entry(Kind.EVENT, title="Both", sectors=["health", "schools"], regions=["london"])
    entry(Kind.EVENT, title="Schools", sectors=["schools"], regions=["north-east"])
    entry(Kind.RESOURCE, title="For all", sectors=[], regions=[])
    about = entry(Kind.POLICY, title="On visits", sectors=["prisons"])
    about.topics.set(Topic.objects.filter(slug="visits"))
    about.save()
    assert set(listed(client, kind="event")) == {"Both", "Schools"}
    assert set(listed(client, kind=["event", "policy"])) == {"Both", "Schools", "On visits"}
    assert set(listed(client, sector="health")) == {"Both", "For all"}
    assert set(listed(client, sector=["health", "schools"])) == {"Both", "Schools", "For all"}
    assert set(listed(client, region="london")) == {"Both", "For all", "On visits"}
    assert listed(client, topic="visits") == ["On visits"]
    assert listed(client, sector="health", kind="event", region="london") == ["Both"]


@pytest.mark.parametrize("params", HOSTILE, ids=lambda params: ascii(params)[:40])
def test_what_makes_no_sense_is_refused_with_a_sentence(client, params):
    entry()
    response = client.get(LIST, params)
    assert response.status_code == 400
    assert len(response.json()["message"]) < 1000


@pytest.mark.parametrize("address", [f"{LIST}999999/", f"{LIST}{'9' * 30}/", f"{LIST}?format=api", f"{LIST}find/"])
def test_what_is_not_there_is_not_found(client, address):
    assert client.get(address).status_code in (400, 404)


def test_drafts_and_private_entries_are_not_there(client):
    draft = entry(title="Draft", live=False)
    private = entry(title="Private")
    PageViewRestriction.objects.create(page=private, restriction_type=PageViewRestriction.LOGIN)
    assert listed(client) == []
    for page in (draft, private):
        assert client.get(f"{LIST}{page.pk}/").status_code == 404


def test_a_case_study_is_a_teaser_for_members_too(client, member_client, superuser_client):
    page = entry(Kind.CASE_STUDY, title="A nursery", body="<p>Hushed</p>", what_changed="Hushed", publisher="Hushed")
    for reader in (client, member_client, superuser_client):
        found = reader.get(f"{LIST}{page.pk}/").json()
        assert set(found) == {
            *("id", "meta", "uuid", "title", "kind", "summary"),
            *("sectors", "regions", "topics", "age_groups"),
        }
        assert found["meta"]["members_only"] is True
        assert reader.get(LIST).json()["items"] == [found]


def test_nothing_can_be_changed_and_nothing_else_is_listed(client, superuser_client):
    page = entry()
    for reader in (client, superuser_client):
        for method in ("post", "put", "patch", "delete"):
            assert getattr(reader, method)(LIST).status_code in (403, 405)
            assert getattr(reader, method)(f"{LIST}{page.pk}/").status_code in (403, 405)
        for name in ("pages", "images", "documents", "users"):
            assert reader.get(f"/api/v2/{name}/").status_code == 404
    assert client.get("/api/v2/").json() == {"entries": f"http://localhost:8000{LIST}"}


def test_a_stranger_with_a_wrong_password_gets_the_same(client):
    entry(title="Open")
    assert client.get(LIST, headers={"Authorization": "Basic bm9ib2R5Om5vdGhpbmc="}).status_code == 200


def test_the_cost_does_not_grow(client):
    def cost(**params):
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST, {"limit": 50, **params})
        return len(queries)

    entry(Kind.SERVICE, sectors=["health"])
    small, narrowed = cost(), cost(sector="health", region="london")
    for _ in range(8):
        entry(Kind.SERVICE, sectors=["health", "schools"], regions=["london"])
        entry(Kind.CASE_STUDY, sectors=["health"])
    assert cost() == small
    assert cost(sector="health", region="london") == narrowed
    assert small <= 7
    assert narrowed <= 9
