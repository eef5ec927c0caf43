"""The report of links: what it shows, and what its buttons do."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms import link_rounds, links, tasks
from cms.link_fetching import Answer, Verdict
from cms.models import CheckedLink
from tests import factories

pytestmark = pytest.mark.django_db

States = CheckedLink.State
URL = "https://example.org/guide"


def link(url=URL, state=States.BROKEN, **fields):
    return CheckedLink.objects.create(url=url, state=state, **{"checked_at": timezone.now(), **fields})


@pytest.fixture
def author_client():
    user = factories.UserFactory()
    user.groups.add(Group.objects.get(name="Author"))
    client = Client()
    client.force_login(user)
    return client


def report(client, **query):
    response = client.get(reverse("hub_links"), query)
    assert response.status_code == 200
    return response.content.decode()


def test_begins_with_what_is_broken_and_says_where_it_stands(author_client):
    link(problem="There is no such page any more (404).", status=404, failures=3)
    link("https://example.org/moved", States.REDIRECTED, location="https://example.org/new")
    page = factories.entry(title="Visits guide", link=URL)
    link_rounds.note_holders({page.pk: [URL]})
    text = report(author_client)
    assert all(words in text for words in (URL, "no such page any more", "404", "3 times in a row", "Visits guide"))
    assert reverse("wagtailadmin_pages:edit", args=[page.pk]) in text
    assert "https://example.org/moved" not in text


@pytest.mark.parametrize(
    ("show", "state", "words"),
    [
        ("redirected", States.REDIRECTED, "Moved"),
        ("unclear", States.UNCLEAR, "Could not be checked"),
        ("waiting", States.WAITING, "Waiting"),
        ("works", States.WORKS, "Works"),
    ],
)
def test_each_state_has_its_list(author_client, show, state, words):
    link(state=state, location="https://example.org/new")
    text = report(author_client, show=show)
    assert all(shown in text for shown in (URL, words, "https://example.org/new"))
    assert URL not in report(author_client)


def test_ignoring_takes_a_link_off_the_list_and_can_be_taken_back(author_client):
    one = link()
    response = author_client.post(reverse("hub_links_ignore", args=[one.pk]), {"show": "broken"})
    assert response.url == reverse("hub_links") + "?show=broken"
    assert URL not in report(author_client)
    assert URL in report(author_client, show="ignored")
    author_client.post(reverse("hub_links_heed", args=[one.pk]))
    assert URL in report(author_client)
    logged = ModelLogEntry.objects.filter(object_id=str(one.pk)).order_by("pk")
    assert [entry.action for entry in logged] == [link_rounds.IGNORED, link_rounds.HEEDED]


def test_pressed_twice_is_logged_once(author_client):
    one = link()
    for _ in range(2):
        author_client.post(reverse("hub_links_ignore", args=[one.pk]))
    assert ModelLogEntry.objects.filter(action=link_rounds.IGNORED).count() == 1


def test_check_again_now_hands_the_link_to_a_worker(author_client, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.check_link, "delay_on_commit", asked.append)
    one = link()
    assert author_client.post(reverse("hub_links_check", args=[one.pk])).status_code == 302
    assert asked == [one.pk]


def test_the_task_follows_that_link_only(monkeypatch):
    one, other = link(), link("https://example.org/other")
    monkeypatch.setattr(links.check, "__kwdefaults__", {"fetch": lambda url: Answer(Verdict.WORKS, 200), "seconds": 9})
    tasks.check_link(one.pk)
    assert CheckedLink.objects.get(pk=one.pk).state == States.WORKS
    assert CheckedLink.objects.get(pk=other.pk).state == States.BROKEN
    tasks.check_link(999999)


@pytest.mark.parametrize("name", ["hub_links_ignore", "hub_links_heed", "hub_links_check"])
def test_acts_need_a_post_and_a_link(author_client, name):
    assert author_client.get(reverse(name, args=[link().pk])).status_code == 405
    assert author_client.post(reverse(name, args=[999999])).status_code == 404


def test_what_a_server_or_a_stranger_wrote_is_shown_as_words(author_client):
    link("https://example.org/?q=<script>alert(1)</script>", location='"><script>alert(2)</script>', problem="<b>x</b>")
    text = report(author_client)
    assert not any(bad in text for bad in ("<script>alert", "<b>x</b>"))


@pytest.mark.parametrize("query", ["show=%00", "show=<script>", "p=999999", "p=x", "show=" + "a" * 10_000])
def test_a_made_up_address_shows_the_page(author_client, query):
    link()
    assert author_client.get(f"{reverse('hub_links')}?{query}").status_code == 200


def test_takes_as_many_queries_however_long_it_is(author_client):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            report(author_client)
        return len(captured)

    def add(number, name):
        for place in range(number):
            url = f"https://example.org/{name}/{place}"
            link(url, checked_at=timezone.now() - timedelta(hours=place))
            factories.entry(link=url)

    add(2, "few")
    report(author_client)
    few = queries()
    add(9, "many")
    assert queries() == few
