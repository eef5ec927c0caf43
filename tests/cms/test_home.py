"""The front door, and the pages of text: search first, the e-news with its newest issue, and joining in one line."""

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cms.contents import list_contents
from cms.models import Kind, StandardPage
from cms.sample_content import load_pages
from membership.models import User
from tests import factories
from tests.cms.privacy import put_away
from tests.factories import entry

pytestmark = pytest.mark.django_db


def test_search_goes_to_the_directory_and_every_example_is_a_search(client):
    response = client.get("/")
    text = response.content.decode()
    assert 'action="/directory/"' in text
    assert response.context["tries"]
    for word in response.context["tries"]:
        assert f"/directory/?q={word}" in text
        assert client.get(f"/directory/?q={word}").status_code == 200


def test_new_this_month_is_said_only_when_it_is_true(client):
    with time_machine.travel("2026-11-22 12:00+00:00"):
        entry(published=timezone.now())
        assert client.get("/").context["newest_title"] == "New this month"
        entry(published=timezone.make_aware(timezone.datetime(2026, 10, 31, 12)))
        assert client.get("/").context["newest_title"] == "New in the directory"


def test_what_is_behind_page_privacy_is_neither_counted_nor_shown(client):
    hidden, shown = entry(Kind.EVENT, title="Hidden"), entry(Kind.EVENT, title="Shown")
    entry(Kind.CASE_STUDY, title="Teased")
    put_away(hidden)
    context = client.get("/").context
    counts = {kind: number for kind, number in context["kinds"] if number}
    assert counts == {Kind.EVENT: 1, Kind.CASE_STUDY: 1}
    assert {page.title for page in context["newest"]} == {"Shown", "Teased"}
    assert [page.pk for page in context["events"]] == [shown.pk]


def test_newest_issue_is_shown_with_its_own_headlines(client, issue):
    assert "sheet-lines" not in client.get("/").content.decode(), "nothing that was not sent"
    factories.sent(issue)
    text = client.get("/").content.decode()
    assert f'href="/e-news/{issue.period}/"' in text
    assert "October 2026" in text
    assert "For health in the North East" in text


def test_queries_of_the_front_door_are_constant_and_few(client, issue):
    factories.sent(issue)
    entry(Kind.EVENT)
    client.get("/")  # fills the caches of sites and content types

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/").status_code == 200
        return len(captured)

    few = queries()
    for number in range(24):
        entry(list(Kind)[number % 8], sectors=["health", "schools"], regions=["london"] if number % 2 else [])
    assert queries() == few <= 20


def test_joining_begins_with_one_line_and_keeps_the_address_out_of_every_link(client):
    response = client.post(reverse("join"), {"start": "1", "email": "new@example.org"})
    text = response.content.decode()
    assert response.status_code == 200
    assert 'value="new@example.org"' in text
    assert "Please check your answers" not in text
    assert not User.objects.exists(), "nothing happens before the whole form is sent"


def test_member_is_led_to_their_choices_instead(member_client):
    text = member_client.get("/").content.decode()
    assert 'name="email"' not in text
    assert reverse("preferences") in text


# --- Pages of text -------------------------------------------------------------------------------


@pytest.fixture
def texts():
    load_pages()


@pytest.mark.parametrize("slug", ["about", "benefits", "privacy", "accessibility"])
def test_each_page_of_text_is_there_with_one_headline(client, texts, slug):
    text = client.get(f"/{slug}/").content.decode()
    assert text.count("<h1") == 1


@pytest.mark.parametrize(
    "words",
    ["put something forward", "helpline", "contact of a listing", "without who searched", "13 months", "90 days"],
)
def test_privacy_notice_says_what_the_hub_keeps(texts, words):
    assert words in StandardPage.objects.get(slug="privacy").body


def test_long_page_lists_what_is_on_it(client, texts):
    text = client.get("/privacy/").content.decode()
    assert 'href="#what-we-hold-1"' in text
    assert 'id="what-we-hold-1"' in text


def test_headings_get_places_of_their_own_and_nothing_else_changes():
    found = list_contents("<h2>Why &amp; how</h2><p>One</p><h2><b>Why</b> &amp; how</h2><h3>Small</h3>")
    assert [words for _, words in found.headings] == ["Why & how", "Why & how"]
    assert len({anchor for anchor, _ in found.headings}) == 2
    assert "<p>One</p>" in found.html
    assert "<h3>Small</h3>" in found.html


def test_footer_leads_everywhere(client, texts):
    text = client.get("/about/").content.decode()
    footer = text[text.index("<footer") :]
    for address in (
        "/directory/",
        "/consortia/",
        "/e-news/",
        "/submit/",
        "/benefits/",
        "/contact/",
        "/about/",
        "/privacy/",
        "/accessibility/",
        reverse("complaints"),
    ):
        assert f'href="{address}"' in footer
