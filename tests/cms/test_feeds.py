"""RSS and Atom of the directory: what stands in them, what does not, and what a reading costs."""

from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import PageViewRestriction

from cms.models import Entry, Kind, Topic
from tests.factories import entry

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"
NULS = ["/feeds/sector/%00/", "/feeds/sector/health%00/atom/"]  # PostgreSQL takes none
FEEDS = ["/feeds/directory/", "/feeds/kind/service/", "/feeds/sector/health/"]


def items(client, address):
    response = client.get(address)
    assert response.status_code == 200
    root = ElementTree.fromstring(response.content)
    return root.findall("channel/item") or root.findall(f"{ATOM}entry")


def titles(client, address):
    return [found.findtext("title") or found.findtext(f"{ATOM}title") for found in items(client, address)]


def test_newest_entries_come_first_and_no_more_than_fifty(client):
    now = timezone.now()
    for number in range(53):
        entry(title=f"Entry {number}", published=now - timedelta(hours=number))
    for address in ("/feeds/directory/", "/feeds/directory/atom/"):
        assert titles(client, address) == [f"Entry {number}" for number in range(50)]


def test_an_item_says_what_it_is_and_is_known_by_an_id_that_stays(client):
    page = entry(Kind.SERVICE, title="Visits & play", summary="For families.", sectors=["health"], regions=["london"])
    page.topics.set(Topic.objects.filter(slug="visits"))
    page.save()
    (found,) = items(client, "/feeds/directory/")
    assert found.findtext("title") == "Visits & play"
    assert found.findtext("link") == f"http://localhost:8000/directory/{page.slug}/"
    assert found.findtext("description") == "For families."
    assert found.findtext("guid") == f"urn:uuid:{page.translation_key}"
    assert found.find("guid").get("isPermaLink") == "false"
    named = [category.text for category in found.findall("category")]
    assert named == ["Support service", "Health", "London", "Visits and contact"]
    Entry.objects.filter(pk=page.pk).update(slug="another-address")
    assert items(client, "/feeds/directory/")[0].findtext("guid") == f"urn:uuid:{page.translation_key}"


def test_atom_says_when_an_entry_was_published_and_updated(client):
    page = entry(title="Changed")
    Entry.objects.filter(pk=page.pk).update(last_published_at=page.first_published_at + timedelta(days=3))
    (found,) = items(client, "/feeds/directory/atom/")
    assert found.findtext(f"{ATOM}published").startswith("2026-10-10")
    assert found.findtext(f"{ATOM}updated").startswith("2026-10-13")
    assert found.findtext(f"{ATOM}id") == f"urn:uuid:{page.translation_key}"


def test_an_event_says_its_day_and_a_fund_its_deadline(client):
    moment = timezone.make_aware(timezone.datetime(2026, 12, 4, 10))
    entry(Kind.EVENT, title="Seminar", summary="Come.", starts_at=moment)
    entry(Kind.FUNDING, title="Fund", summary="Apply.", deadline=moment.date())
    said = {found.findtext("title"): found.findtext("description") for found in items(client, "/feeds/directory/")}
    assert said["Seminar"] == "Friday 4 December 2026. Come."
    assert said["Fund"] == "Apply by Friday 4 December 2026. Apply."


def test_a_kind_has_its_own_feed(client):
    entry(Kind.EVENT, title="Seminar")
    entry(Kind.RESOURCE, title="Leaflet")
    assert titles(client, "/feeds/kind/event/") == ["Seminar"]
    assert titles(client, "/feeds/kind/event/atom/") == ["Seminar"]


def test_a_sector_has_its_own_and_what_is_for_everyone(client):
    entry(title="For health", sectors=["health", "schools"])
    entry(title="For schools", sectors=["schools"])
    entry(title="For everyone")
    assert set(titles(client, "/feeds/sector/health/")) == {"For health", "For everyone"}


@pytest.mark.parametrize(
    "address", ["/feeds/kind/nonsense/", "/feeds/sector/nonsense/", "/feeds/kind/x%00/atom/", *NULS]
)
def test_unknown_feeds_are_not_found(client, address):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", FEEDS)
def test_an_empty_feed_is_one_that_never_changes(client, address):
    first, second = client.get(address + "atom/"), client.get(address + "atom/")
    assert first.status_code == 200
    assert first.content == second.content


@pytest.mark.parametrize("address", [*FEEDS, *(f"{address}atom/" for address in FEEDS)])
def test_who_has_it_already_is_told_so(client, address):
    page = entry(Kind.SERVICE, sectors=["health"])
    first = client.get(address)
    assert first["Last-Modified"] == "Sat, 10 Oct 2026 09:00:00 GMT"
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert client.get(address, headers={"If-Modified-Since": first["Last-Modified"]}).status_code == 304
    Entry.objects.filter(pk=page.pk).update(title="Another title")
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_a_case_study_is_there_as_its_teaser(client, member_client):
    entry(Kind.CASE_STUDY, title="A nursery", summary="What a nursery did.", body="<p>Hushed</p>", setting="Hushed")
    for reader in (client, member_client):
        (found,) = items(reader, "/feeds/kind/case-study/")
        assert found.findtext("description") == "What a nursery did."
        assert b"Hushed" not in reader.get("/feeds/kind/case-study/").content


def test_what_editors_put_behind_page_privacy_is_left_out(client):
    for title, kind in (("Open", Kind.RESOURCE), ("Behind a login", Kind.RESOURCE), ("For staff", Kind.CASE_STUDY)):
        page = entry(kind, title=title)
        if title == "Behind a login":
            PageViewRestriction.objects.create(page=page, restriction_type=PageViewRestriction.LOGIN)
        if title == "For staff":
            closed = PageViewRestriction.objects.create(page=page, restriction_type=PageViewRestriction.GROUPS)
            closed.groups.add(Group.objects.create(name="Staff"))
    assert titles(client, "/feeds/directory/") == ["Open"]


def test_a_directory_behind_a_password_has_nothing_in_its_feeds(client):
    page = entry(title="Open")
    PageViewRestriction.objects.create(
        page=page.get_parent(), restriction_type=PageViewRestriction.PASSWORD, password="secret"
    )
    assert titles(client, "/feeds/directory/") == []


def test_characters_that_no_parser_takes_do_no_harm(client):
    entry(title="Tit\x0ble\ufffe </title><script>", summary="a\x1bb")
    assert titles(client, "/feeds/directory/") == ["Title </title><script>"]


@pytest.mark.parametrize("address", FEEDS)
def test_the_cost_does_not_grow(client, address):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        return len(queries)

    entry(Kind.SERVICE, sectors=["health"], regions=["london"])
    client.get(address)
    small = cost()
    for _ in range(10):
        entry(Kind.SERVICE, sectors=["health"], regions=["london", "south-east"])
        entry(Kind.CASE_STUDY, sectors=["health"])
    assert cost() == small
    assert small <= 6


def test_the_feed_of_the_e_news_is_still_there(client):
    assert b"i-HOP e-news" in client.get("/feeds/e-news/").content
