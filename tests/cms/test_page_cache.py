"""Pages kept for visitors of whom we know nothing: one for all of them, anew for everybody else, forgotten in time."""

import re

import pytest
from django.contrib.auth.models import Group
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format
from wagtail.models import PageViewRestriction

from cms import page_cache
from cms.caring import mark_checked
from cms.models import FruitlessSearch, Kind, Sector
from cms.site import directory_page
from config.soft_cache import SoftPageCache, SoftRedisCache
from tests.factories import UserFactory, entry

pytestmark = pytest.mark.django_db
NONCE = re.compile(r'nonce[-="]+([\w+/]+=*)')


@pytest.fixture(autouse=True)
def kept(settings):
    settings.PAGE_CACHE_SECONDS = 60
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 5000}}
    settings.CACHES = {name: memory | {"LOCATION": name} for name in ("default", "pages")}
    for store in caches.all(initialized_only=False):
        store.clear()


@pytest.fixture
def resource():
    return entry(Kind.RESOURCE, title="Time together", sectors=["prisons"])


@pytest.fixture
def change(django_capture_on_commit_callbacks):
    """Do something as a request does: what is to happen after it happens."""

    def do(act):
        with django_capture_on_commit_callbacks(execute=True):
            act()

    return do


def text(address: str, **headers: str) -> str:
    """What somebody sees who has never been here."""
    return Client().get(address, headers=headers).content.decode()


def statements(address: str, client: Client | None = None) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert (client or Client()).get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize("address", ["/", "/directory/", "/directory/?q=time&sector=prisons", "entry"])
def test_the_second_visitor_gets_what_was_made_for_the_first(resource, address):
    address = resource.url if address == "entry" else address
    first, second = Client().get(address), Client().get(address)
    assert statements(address) == 0
    own = r'nonce[-=][^ ;>]+|csrfmiddlewaretoken" value="\w+'
    assert re.sub(own, "", second.content.decode()) == re.sub(own, "", first.content.decode())
    assert {name for name, _ in second.items()} == {name for name, _ in first.items()} | {"Vary"}


def test_each_answer_has_a_nonce_of_its_own_in_the_header_and_in_the_page(resource):
    nonces = []
    for _ in range(3):
        response = Client().get(resource.url)
        header = NONCE.search(response["Content-Security-Policy"])
        assert header
        assert set(NONCE.findall(response.content.decode())) == {header[1]}
        nonces.append(header[1])
    assert len(set(nonces)) == 3


def test_addresses_are_told_apart(resource):
    assert "Time together" in text("/directory/?q=time")
    assert "Time together" not in text("/directory/?kind=event")
    assert "Time together" in text("/directory/?q=time")


def test_who_has_a_cookie_gets_a_page_of_their_own_which_nobody_else_gets(resource):
    member = Client()
    member.force_login(UserFactory())
    assert "Log in" in text(resource.url)
    assert "Log in" not in member.get(resource.url).content.decode()
    assert statements(resource.url, member) > 5
    assert "Log in" in text(resource.url)


def test_what_is_for_members_is_kept_for_nobody(client):
    study = entry(Kind.CASE_STUDY, title="A nursery", summary="Teaser words", body="<p>Only members read this.</p>")
    member = Client()
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Members"))
    member.force_login(user)
    assert "Only members read this" in member.get(study.url).content.decode()
    for _ in range(2):
        assert "Only members read this" not in text(study.url)


def test_editors_see_their_change_and_so_does_everybody(resource, change):
    assert "Time together" in text(resource.url)
    resource.title = "Time apart"
    change(lambda: resource.save_revision().publish())
    assert "Time apart" in text(resource.url)
    assert "Time apart" in text("/directory/")


def test_unpublished_deleted_or_made_private_is_gone_at_once(resource, change):
    address = resource.url
    for act, status in (
        (lambda: PageViewRestriction.objects.create(page=resource, restriction_type="login"), 302),
        (lambda: PageViewRestriction.objects.all().delete(), 200),
        (resource.unpublish, 404),
        (lambda: resource.save_revision().publish(), 200),
        (resource.delete, 404),
    ):
        change(act)
        assert Client().get(address).status_code == status


def test_moved_is_found_in_its_new_place(resource, change):
    other = entry(Kind.SERVICE, title="Elsewhere")
    assert "Time together" in text(resource.url)
    old = resource.url
    change(lambda: resource.move(other.get_parent().get_parent(), pos="last-child"))
    resource.refresh_from_db()
    assert Client().get(old).status_code != 200
    assert "Time together" in text(type(resource).objects.get(pk=resource.pk).url)


def test_a_renamed_term_has_its_new_name_at_once(resource, change):
    sector = Sector.objects.get(slug="prisons")
    assert sector.name in text(resource.url)
    sector.name = "Prisons and custody"
    change(sector.save)
    assert "Prisons and custody" in text(resource.url)


def test_what_its_contact_found_right_says_so_at_once(resource, change):
    today = date_format(timezone.localdate(), "j F Y")
    assert today not in text(resource.url)
    change(lambda: mark_checked(entry=resource))
    assert today in text(resource.url)


def test_htmx_gets_its_part_and_others_the_whole(resource):
    whole = text("/directory/")
    part = text("/directory/", **{"HX-Request": "true"})
    assert "<html" in whole
    assert "<html" not in part
    assert "<html" in text("/directory/")


def test_each_search_in_vain_is_noted(resource):
    for _ in range(3):
        text("/directory/?q=trampoline")
    assert FruitlessSearch.objects.get(words="trampoline").times == 3


def test_what_is_not_found_is_not_kept(resource, change):
    address = directory_page().url + "brand-new/"
    assert Client().get(address).status_code == 404
    change(lambda: entry(Kind.RESOURCE, title="Brand new", slug="brand-new"))
    assert Client().get(address).status_code == 200


def test_nothing_is_kept_unless_the_setting_says_so(resource, settings):
    settings.PAGE_CACHE_SECONDS = 0
    text(resource.url)
    assert statements(resource.url) > 5


def test_pages_are_made_while_redis_is_away(resource, settings, change, monkeypatch):
    for kind, name in ((SoftRedisCache, "default"), (SoftPageCache, "pages")):
        monkeypatch.setattr(kind, "rests_until", 0.0)
        settings.CACHES[name] = {
            "BACKEND": f"config.soft_cache.{kind.__name__}",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    settings.CACHES = dict(settings.CACHES)
    assert "Time together" in text(resource.url)
    resource.title = "Time apart"
    change(lambda: resource.save_revision().publish())
    assert "Time apart" in text(resource.url)


def test_a_form_on_a_kept_page_works_for_each_visitor(kept):
    for _ in range(2):
        visitor = Client(enforce_csrf_checks=True)
        token = re.search('csrfmiddlewaretoken" value="(.+?)"', visitor.get("/").content.decode())
        assert token
        form = {"start": "1", "email": "somebody@example.org", "csrfmiddlewaretoken": token[1]}
        assert visitor.post("/join/", form).status_code == 200
    assert statements("/", visitor) == 0
    assert visitor.post("/join/", form | {"csrfmiddlewaretoken": "x" * 64}).status_code == 403


@pytest.mark.parametrize(("method", "headers"), [("head", {}), ("get", {"authorization": "Basic eDp5"})])
def test_other_requests_neither_get_nor_leave_a_kept_page(resource, method, headers):
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert getattr(Client(), method)(resource.url, headers=headers).status_code == 200
        assert len(captured) > 5


def test_hosts_are_told_apart(resource, settings):
    settings.ALLOWED_HOSTS = ["testserver", "other.example.org"]
    text(resource.url)
    with CaptureQueriesContext(connection) as captured:
        Client().get(resource.url, headers={"host": "other.example.org"})
    assert len(captured) > 5


def test_the_password_page_is_kept_for_nobody(resource, change):
    secret = {"restriction_type": "password", "password": "for those who know"}
    change(lambda: PageViewRestriction.objects.create(page=resource, **secret))
    for _ in range(2):
        assert statements(resource.url) > 3
    assert "Time together" not in text(resource.url)


def test_a_page_under_way_when_something_is_published_is_not_kept(resource, change, monkeypatch):
    original = type(resource).get_context

    def publish_meanwhile(self, request, *args, **kwargs):
        context = original(self, request, *args, **kwargs)
        if self.title == "Time together":
            newer = type(resource).objects.get(pk=resource.pk)
            newer.title = "Time apart"
            change(lambda: newer.save_revision().publish())
        return context

    monkeypatch.setattr(type(resource), "get_context", publish_meanwhile)
    assert "Time together" in text(resource.url)
    assert "Time apart" in text(resource.url)


def test_made_up_addresses_do_not_fill_the_memory(resource, monkeypatch):
    monkeypatch.setattr(page_cache, "MOST", 3)
    for number in range(5):
        text(f"{resource.url}?made-up={number}")
    assert [statements(f"{resource.url}?made-up={number}") > 0 for number in range(5)] == [False] * 3 + [True] * 2


def test_large_pages_are_not_kept(resource, monkeypatch):
    monkeypatch.setattr(page_cache, "LARGEST", 1000)
    text(resource.url)
    assert statements(resource.url) > 5


def test_a_new_release_has_its_own_pages(resource, monkeypatch):
    text(resource.url)
    monkeypatch.setattr(page_cache.staticfiles_storage, "manifest_hash", "next", raising=False)
    assert statements(resource.url) > 5


def test_deleting_elsewhere_stays_one_statement(django_assert_num_queries):
    FruitlessSearch.objects.create(words="gone", last_on="2026-10-01")
    with django_assert_num_queries(1):
        FruitlessSearch.objects.all().delete()
