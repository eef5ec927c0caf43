"""What an entry's page says at a glance, and what it leads on to."""

from datetime import UTC, date, datetime, timedelta

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.glancing import at_a_glance, read_terms
from cms.models import Kind, Topic
from cms.related import MOST, related_entries
from tests.cms.privacy import put_away
from tests.factories import entry

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate


def tagged(*topics, **fields):
    page = entry(**fields)
    page.topics.set(list(Topic.objects.filter(slug__in=topics)))
    page.save()
    return page


def titles(page):
    return [other.title for other in related_entries(page, terms=read_terms(page), today=TODAY())]


def test_entries_that_share_most_come_first():
    page = tagged("visits", "babies", sectors=["health"], regions=["london"])
    tagged("visits", title="One topic")
    tagged("visits", "babies", title="Both topics, elsewhere", regions=["north-east"])
    tagged("visits", "babies", title="Both topics, same region", sectors=["health"], regions=["london"])
    tagged("stigma", title="Nothing in common")
    assert titles(page) == ["Both topics, same region", "Both topics, elsewhere", "One topic"]


def test_region_and_kind_decide_between_equals():
    page = tagged("visits", kind=Kind.SERVICE, regions=["london"])
    tagged("visits", title="Elsewhere", regions=["north-east"])
    tagged("visits", title="National")
    tagged("visits", title="Elsewhere, a service too", kind=Kind.SERVICE, regions=["north-east"])
    tagged("visits", title="Here", regions=["london"])
    assert titles(page) == ["Here", "Elsewhere, a service too", "National", "Elsewhere"]


def test_never_itself_a_draft_something_past_or_due_for_checking():
    page = tagged("visits")
    tagged("visits", title="Draft", live=False)
    tagged("visits", title="Past", kind=Kind.EVENT, starts_at=timezone.now() - timedelta(days=2))
    tagged("visits", title="Closed", kind=Kind.FUNDING, deadline=TODAY() - timedelta(days=1))
    tagged("visits", title="Stale", review_due=TODAY() - timedelta(days=1))
    assert titles(page) == []


@pytest.mark.parametrize("topics", [["visits"], []], ids=["by topic", "newest"])
def test_never_what_is_behind_page_privacy(topics):
    page = tagged(*topics)
    put_away(tagged(*topics, title="Hidden"))
    tagged(*topics, title="Open")
    assert titles(page) == ["Open"]


def test_entry_without_topics_leads_to_the_newest_of_its_kind():
    page = entry(Kind.POLICY)
    entry(Kind.POLICY, title="First")
    entry(Kind.POLICY, title="Second")
    entry(Kind.RESOURCE, title="Another kind")
    assert titles(page) == ["Second", "First"]


def test_queries_and_answers_stay_the_same_as_the_directory_grows():
    page = tagged("visits", "babies", sectors=["health"])
    for number in range(6):
        tagged("visits", title=f"Early {number}", sectors=["health"])
    terms = read_terms(page)

    def look():
        with CaptureQueriesContext(connection) as captured:
            found = related_entries(page, terms=terms, today=TODAY())
            _ = [(list(other.sectors.all()), list(other.regions.all())) for other in found]
        return len(captured), [other.title for other in found]

    few, _ = look()
    for number in range(70):
        tagged("visits", title=f"Late {number}", regions=["london"])
    many, found = look()
    assert many == few == 5
    assert len(found) == MOST
    assert look()[1] == found


def test_page_shows_what_is_related_and_a_case_study_only_by_its_teaser(client):
    page = tagged("visits")
    tagged("visits", kind=Kind.CASE_STUDY, title="A nursery that asked", body="<p>secret</p>", setting="secret")
    text = client.get(page.url).content.decode()
    assert "You may also need" in text
    assert "A nursery that asked" in text
    assert "Members only" in text
    assert "secret" not in text


def test_queries_of_an_entrys_page_are_constant(client):
    page = tagged("visits", sectors=["health"])
    tagged("visits")
    client.get(page.url)  # fills the caches of sites and content types

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page.url).status_code == 200
        return len(captured)

    few = queries()
    for number in range(30):
        tagged("visits", "babies", sectors=["health", "schools"], regions=["london"] if number % 2 else [])
    assert queries() == few <= 20


# --- At a glance ---------------------------------------------------------------------------------


def glance(page):
    """Question and answers, as a reader would say them."""
    rows = at_a_glance(page, read_terms(page))
    return {question: [f"{label}: {said}" if label else said for label, said in lines] for _, question, lines in rows}


def test_service_answers_every_question():
    page = entry(
        Kind.SERVICE,
        sectors=["health"],
        regions=["north-east"],
        area="Newcastle",
        who_it_helps="Anyone who visits",
        how_to_refer="Ring",
        phone="0191 498 0123",
        email="centre@example.org",
        opening_hours="Weekdays",
        cost="Free",
        publisher="Sample Trust",
    )
    assert glance(page) == {
        "What it is": ["Support service", "From: Sample Trust"],
        "Who it is for": [
            "Anyone who visits",
            "Sectors: Health",
            "Ages of the children: All ages",
            "Who reads or uses it: Professionals",
        ],
        "Where": ["Newcastle", "Region: North East"],
        "When": ["Weekdays"],
        "Cost": ["Free"],
        "Contact": ["How to refer: Ring", "Telephone: 0191 498 0123", "E-mail: centre@example.org"],
    }


@pytest.mark.parametrize(
    ("kind", "fields", "question", "answers"),
    [
        (Kind.RESOURCE, {"format": "toolkit"}, "What it is", ["Toolkit"]),
        (Kind.RESEARCH, {"year": 2024, "key_finding": "Ask."}, "What it is", ["Research, 2024", "Key finding: Ask."]),
        (Kind.POLICY, {"status": "draft"}, "What it is", ["Guideline", "Status: Draft"]),
        (Kind.TRAINING, {"delivery": "online", "publisher": "Sample Trust"}, "Where", ["Online", "Region: National"]),
        (Kind.FUNDING, {"deadline": date(2027, 3, 31)}, "When", ["Apply by Wednesday 31 March 2027"]),
        (Kind.FUNDING, {}, "When", ["Apply at any time"]),
        (
            Kind.EVENT,
            {"starts_at": datetime(2027, 7, 1, 9, tzinfo=UTC), "place": "Leeds", "online": True},
            "Where",
            ["Leeds", "and online", "Region: National"],
        ),
        (
            Kind.EVENT,
            {"starts_at": datetime(2027, 7, 1, 9, tzinfo=UTC)},
            "When",
            ["Thursday 1 July 2027, 10am"],
        ),
    ],
    ids=["resource", "research", "policy", "training", "fund with a deadline", "fund without", "place", "time"],
)
def test_each_kind_answers_in_its_own_words(kind, fields, question, answers):
    assert glance(entry(kind, **fields))[question] == answers


def test_questions_without_an_answer_are_left_out():
    assert list(glance(entry(Kind.RESOURCE))) == ["What it is", "Who it is for", "Where"]


@pytest.mark.parametrize("kind", [Kind.EVENT, Kind.TRAINING, Kind.FUNDING, Kind.RESOURCE, Kind.SERVICE])
def test_who_gives_neither_number_nor_address_is_reached_by_their_website(client, kind):
    page = entry(kind, link="https://www.trust.example.org/courses?a=1&b=2")
    assert glance(page)["Contact"] == ["Website: https://www.trust.example.org/courses?a=1&b=2"]
    link = BeautifulSoup(client.get(page.url).content, "html.parser").select_one(".facts dl a")
    assert (link["href"], link.get_text()) == (page.link, "trust.example.org")


def test_website_of_who_can_be_rung_and_of_a_case_study_is_no_contact():
    reached = entry(Kind.SERVICE, link="https://example.org/", phone="0191 498 0123")
    assert glance(reached)["Contact"] == ["Telephone: 0191 498 0123"]
    assert "Contact" not in glance(entry(Kind.CASE_STUDY, link="https://example.org/"))


def test_an_entry_that_nobody_has_checked_says_so_and_since_when_it_is_there(client):
    page = entry(published=datetime(2026, 10, 10, 9, tzinfo=UTC))
    facts = BeautifulSoup(client.get(page.url).content, "html.parser").select_one(".facts").get_text()
    assert "Not yet; published on 10 October 2026" in facts


def test_page_leads_to_telling_us_that_it_is_out_of_date(client):
    page = entry(assured_on=date(2026, 10, 1))
    text = client.get(page.url).content.decode()
    assert f"/contact/?entry={page.pk}" in text
    assert "1 October 2026" in text
