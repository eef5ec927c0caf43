"""Support services as Open Referral UK: envelope, record, filters, refusals, and the cost of a page."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.caring import mark_checked
from cms.models import AgeGroup, Kind, Service, Topic
from tests.factories import entry

pytestmark = pytest.mark.django_db

ROOT = "/openreferral"
SERVICES = f"{ROOT}/services"


def service(title="Visits", topics=(), ages=(), **fields):
    page = entry(Kind.SERVICE, title=title, **fields)
    page.topics.set(Topic.objects.filter(slug__in=topics))
    page.age_groups.set(AgeGroup.objects.filter(slug__in=ages))
    page.save()
    return page


def full_service():
    return service(
        "Visitors’ centre",
        topics=["visits"],
        ages=["under-3"],
        sectors=["health"],
        regions=["north-east"],
        summary="A warm place to wait.",
        body="<p>Staffed <b>play</b> areas.</p><ul><li>tea</li><li>toys</li></ul>",
        publisher="Northern Trust",
        link="https://trust.example.org/centres",
        area="Eight prisons",
        who_it_helps="Families",
        how_to_refer="Ring first.",
        phone="0191 498 0123",
        email="centres@example.org",
        opening_hours="On visiting days",
        cost="Free",
        assured_on=date(2026, 10, 1),
        contact_email="somebody@example.org",
        imported_as="their-id-7",
    )


def names(client, **params):
    response = client.get(SERVICES, params)
    assert response.status_code == 200, response.content
    return sorted(found["name"] for found in response.json()["contents"])


def term(client, slug):
    found = client.get(f"{ROOT}/taxonomy_terms", {"per_page": 100}).json()["contents"]
    return next(one for one in found if one["code"] == slug)


def test_the_root_says_version_profile_and_where_the_description_is(client):
    answer = client.get(f"{ROOT}/").json()
    assert answer == {
        "version": "HSDS-UK-3.0",
        "profile": "https://github.com/OpenReferralUK/uk-profile",
        "openapi_url": "http://localhost:8000/openreferral/openapi.json",
    }
    description = client.get(f"{ROOT}/openapi.json").json()
    assert {"/services", "/services/{id}", "/taxonomies", "/taxonomy_terms"} <= set(description["paths"])


def test_a_page_says_where_it_stands(client):
    for number in range(5):
        service(f"Service {number}")
    answer = client.get(SERVICES, {"per_page": 2, "page": 2}).json()
    contents = answer.pop("contents")
    assert answer == {
        "total_items": 5,
        "total_pages": 3,
        "page_number": 2,
        "size": 2,
        "first_page": False,
        "last_page": False,
        "empty": False,
    }
    assert [found["name"] for found in contents] == ["Service 2", "Service 3"]
    last = client.get(f"{SERVICES}/", {"per_page": 2, "page": 3}).json()
    assert (last["size"], last["first_page"], last["last_page"]) == (1, False, True)


def test_an_empty_hub_has_one_empty_page(client):
    answer = client.get(SERVICES).json()
    assert (answer["empty"], answer["total_items"], answer["total_pages"]) == (True, 0, 1)
    assert answer["first_page"]
    assert answer["last_page"]


def test_nobody_gets_more_than_a_hundred_at_once(client, monkeypatch):
    monkeypatch.setattr("cms.openreferral.asking.MAX_PER_PAGE", 2)
    for _ in range(3):
        service()
    answer = client.get(SERVICES, {"per_page": 5000}).json()
    assert (answer["size"], answer["total_pages"]) == (2, 2)


def test_a_service_has_what_the_standard_asks(client):
    page = full_service()
    found = client.get(f"{SERVICES}/{page.translation_key}").json()
    assert found == client.get(SERVICES).json()["contents"][0]
    assert found["id"] == str(page.translation_key)
    assert (found["name"], found["status"]) == ("Visitors’ centre", "active")
    assert found["description"] == "A warm place to wait.\n\nStaffed play areas.\ntea\ntoys"
    assert (found["url"], found["email"]) == ("https://trust.example.org/centres", "centres@example.org")
    assert (found["assured_date"], found["last_modified"]) == ("2026-10-01", "2026-10-10T09:00:00.000+00:00")
    assert (found["fees"], found["application_process"]) == ("Free", "Ring first.")
    assert found["eligibility_description"] == "Families"
    assert found["organization"]["name"] == "Northern Trust"
    assert found["phones"][0]["number"] == found["contacts"][0]["phones"][0]["number"] == "0191 498 0123"
    assert found["schedules"][0]["description"] == "On visiting days"
    assert found["service_areas"][0]["name"] == "Eight prisons"
    assert (found["cost_options"][0]["amount"], found["cost_options"][0]["currency"]) == (0, "GBP")
    terms = {one["taxonomy_term"]["taxonomy"]: one["taxonomy_term"]["term"] for one in found["attributes"]}
    assert terms == {
        "i-HOP sectors": "Health",
        "i-HOP regions": "North East",
        "i-HOP topics": "Visits and contact",
        "i-HOP age groups": "Under 3",
    }


def test_what_nobody_else_needs_is_not_in_it(client):
    full_service()
    text = client.get(SERVICES).content.decode()
    for secret in ("somebody@example.org", "their-id-7", "imported_as", "contact_email"):
        assert secret not in text


def test_every_id_is_a_uuid_and_stays(client):
    full_service()

    def ids(value):
        if isinstance(value, dict):
            yield from (one for name, one in value.items() if name == "id" or name.endswith("_id"))
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from ids(one)

    first, second = (list(ids(client.get(SERVICES).json())) for _ in range(2))
    assert first == second
    assert len(first) > 10
    assert all(UUID(one) for one in first)


def test_services_of_one_organisation_share_its_id(client):
    service("One", publisher="Trust")
    service("Two", publisher="TRUST ")
    service("Three", publisher="Another")
    found = [one["organization"]["id"] for one in client.get(SERVICES).json()["contents"]]
    assert found[0] == found[1] != found[2]


def test_a_service_that_is_due_for_checking_says_so(client):
    service(review_due=timezone.localdate() - timedelta(days=1))
    assert "due to be checked" in client.get(SERVICES).json()["contents"][0]["alert"]


def test_a_service_without_an_address_of_its_own_leads_to_ours(client):
    page = service()
    assert client.get(SERVICES).json()["contents"][0]["url"] == f"http://localhost:8000/directory/{page.slug}/"


@pytest.mark.parametrize("name", ["text", "search"])
def test_every_word_must_be_found(client, name):
    service("Visits in Leeds", summary="Play areas.")
    service("Housing", publisher="Leeds Homes")
    assert names(client, **{name: "leeds"}) == ["Housing", "Visits in Leeds"]
    assert names(client, **{name: "LEEDS play"}) == ["Visits in Leeds"]
    assert names(client, **{name: "%"}) == []


def test_a_term_finds_what_carries_it_and_what_is_for_everyone(client):
    service("Health", sectors=["health"], topics=["visits"])
    service("Schools", sectors=["schools"])
    service("Everyone")
    assert names(client, taxonomy_term_id=term(client, "health")["id"]) == ["Everyone", "Health"]
    assert names(client, taxonomy_term_id=term(client, "visits")["id"].upper()) == ["Health"]
    assert names(client, taxonomy_id=term(client, "health")["taxonomy_id"]) == ["Health", "Schools"]


def test_changes_since_a_moment(client):
    service("Old", published=timezone.make_aware(timezone.datetime(2026, 1, 10, 9)))
    service("New", published=timezone.make_aware(timezone.datetime(2026, 10, 10, 9)))
    for since in ("2026-05-01", "2026-10-10T08:00:00Z", "2026-10-10T09:00:00+01:00", "2026-10-10T08:00"):
        assert names(client, modified_after=since) == ["New"]


def test_an_entry_that_was_found_right_has_changed(client):
    page = service("Confirmed", published=timezone.make_aware(timezone.datetime(2026, 1, 10, 9)))
    service("Left alone", published=timezone.make_aware(timezone.datetime(2026, 1, 10, 9)))
    before = timezone.now()
    mark_checked(entry=page)
    assert names(client, modified_after=before.isoformat()) == ["Confirmed"]
    record = client.get(f"{SERVICES}/{page.translation_key}").json()
    said = timezone.datetime.fromisoformat(record["last_modified"])
    assert timezone.localtime(said).isoformat()[:16] == f"{record['assured_date']}T00:00"
    assert names(client, modified_after=(timezone.localdate() + timedelta(days=1)).isoformat()) == []


def test_ages_find_what_concerns_them_and_what_is_for_all_ages(client):
    service("Babies", ages=["under-3"])
    service("School age", ages=["5-to-10", "11-to-15"])
    service("All")
    assert names(client, minimum_age=0, maximum_age=2) == ["All", "Babies"]
    assert names(client, minimum_age=12) == ["All", "School age"]
    assert names(client, maximum_age=4) == ["All", "Babies"]


def test_taxonomies_and_terms_can_be_listed_and_looked_up(client):
    taxonomies = client.get(f"{ROOT}/taxonomies").json()
    assert [one["name"] for one in taxonomies["contents"]] == [
        "i-HOP sectors",
        "i-HOP regions",
        "i-HOP topics",
        "i-HOP age groups",
    ]
    regions = taxonomies["contents"][1]
    assert client.get(f"{ROOT}/taxonomies/{regions['id']}").json() == regions
    terms = client.get(f"{ROOT}/taxonomy_terms/", {"taxonomy_id": regions["id"]}).json()
    assert terms["total_items"] == 9
    assert client.get(f"{ROOT}/taxonomy_terms/{terms['contents'][0]['id']}").json() == terms["contents"][0]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"page": "abc"}, 400),
        ({"page": "0"}, 400),
        ({"page": "-1"}, 400),
        ({"page": "9" * 5000}, 400),
        ({"page": "999999"}, 404),
        ({"per_page": "0"}, 400),
        ({"per_page": "x"}, 400),
        ({"text": "x" * 10_240}, 400),
        ({"text": "a " * 90}, 400),
        ({"taxonomy_id": "nonsense"}, 400),
        ({"taxonomy_term_id": "00000000-0000-0000-0000-000000000000"}, 400),
        ({"taxonomy_term_id": "\0"}, 400),
        ({"modified_after": "yesterday"}, 400),
        ({"modified_after": "2026-02-31"}, 400),
        ({"modified_after": "0001-01-01T00:00:00+14:00"}, 400),
        ({"minimum_age": "-3"}, 400),
        ({"maximum_age": "old"}, 400),
    ],
    ids=lambda value: ascii(value)[:45],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(client, params, status):
    service()
    response = client.get(SERVICES, params)
    assert response.status_code == status
    assert 10 < len(response.json()["message"]) < 200


@pytest.mark.parametrize("text", ["'; DROP TABLE cms_entry; --", "\0", "%_\\", "NEAR(a b) OR *", '"'])
def test_any_text_gives_a_clean_answer(client, text):
    service()
    assert client.get(SERVICES, {"text": text}).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/services/nonsense",
        "/services/00000000-0000-0000-0000-000000000000",
        "/taxonomies/x",
        "/taxonomy_terms/x",
        "/x",
    ],
)
def test_what_is_not_there_is_said_in_json(client, address):
    response = client.get(ROOT + address)
    assert response.status_code == 404
    assert response.json()["message"]


def test_drafts_and_other_kinds_are_no_services(client):
    draft = service("Draft", live=False)
    event = entry(Kind.EVENT)
    assert names(client) == []
    for page in (draft, event):
        assert client.get(f"{SERVICES}/{page.translation_key}").status_code == 404


def test_it_is_read_only(client):
    for method in ("post", "put", "patch", "delete"):
        response = getattr(client, method)(SERVICES)
        assert response.status_code in (403, 405)
    assert client.head(SERVICES).status_code == 200


def test_who_has_it_already_is_told_so(client):
    page = service()
    first = client.get(SERVICES)
    assert client.get(SERVICES, headers={"If-None-Match": first["ETag"]}).status_code == 304
    Service.objects.filter(pk=page.pk).update(phone="0191 498 0000")
    assert client.get(SERVICES, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_the_cost_does_not_grow(client):
    def cost(**params):
        with CaptureQueriesContext(connection) as queries:
            client.get(SERVICES, {"per_page": 100, **params})
        return len(queries)

    full_service()
    wanted = {"taxonomy_term_id": term(client, "health")["id"], "text": "e"}
    small, narrowed = cost(), cost(**wanted)
    for _ in range(8):
        service(sectors=["health", "schools"], topics=["visits", "babies"])
    assert cost() == small
    assert cost(**wanted) == narrowed
    assert small <= 7
