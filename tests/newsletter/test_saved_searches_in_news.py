"""A saved search adds its matches among the issue's items, says so, and nothing more."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from cms.models import Kind
from membership import saving
from membership.audiences import audience_of
from membership.models import Audience, SavedSearch
from newsletter.choosing import Candidate, Choice, choose
from newsletter.editions import IssueEditions
from newsletter.freezing import freeze
from newsletter.models import Edition, NewsletterSettings
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(db):
    pages = [
        factories.entry("resource", title="For everyone"),
        factories.entry("service", title="Visits in London", sectors=["prisons"], regions=["london"]),
        factories.entry("event", title="A day on visits", sectors=["schools"]),
        factories.entry("funding", title="Small grants", sectors=["schools"]),
    ]
    return factories.issue(pages=pages, live=True)


def member(*addresses, in_news=True, **fields):
    one = factories.subscription(**{"kinds": ["resource"], **fields})
    for address in addresses:
        saving.save_search(member=one.member, address=address, in_news=in_news)
    return one


def edition_of(one):
    return one.member.deliveries.get().edition


def titles(one):
    return list(edition_of(one).places.values_list("item__page__title", flat=True))


def test_matches_come_whatever_the_sectors_region_and_kinds(issue):
    with_search, without, quiet = member("q=visits"), member(), member("q=visits", in_news=False)
    freeze(issue)
    assert titles(with_search) == ["Visits in London", "A day on visits", "For everyone"]
    assert titles(without) == titles(quiet) == ["For everyone"]


def test_facets_of_the_directory_narrow_it(issue):
    one = member("q=visits&kind=event")
    freeze(issue)
    assert titles(one) == ["A day on visits", "For everyone"]


def test_what_it_brought_is_marked_and_the_rest_is_not(issue):
    one = member("q=visits&region=london")
    freeze(issue)
    edition = edition_of(one)
    words = "From your saved search: visits, London"
    assert titles(one) == ["Visits in London", "A day on visits", "For everyone"]  # national ones are of use there too
    assert edition.html.count(words) == 2
    assert " ".join(edition.text.split()).count(words) == 2


def test_what_the_choices_bring_anyway_is_not_marked(issue):
    one = member("q=everyone")
    freeze(issue)
    assert "saved search" not in edition_of(one).html


def test_members_with_the_same_search_share_an_edition(issue):
    first, second = member("q=visits&region=london"), member("region=london&q=visits")
    third = member("q=grants")
    nobody_new = member("q=nothing+matches")
    plain = member()
    freeze(issue)
    assert edition_of(first) == edition_of(second)
    assert edition_of(nobody_new) == edition_of(plain), "a search without matches makes no edition"
    assert Edition.objects.count() == len({edition_of(one).pk for one in (first, third, plain)}) == 3
    assert "visits" not in " ".join(Edition.objects.values_list("label", flat=True)), "words are the member's alone"


def test_two_searches_mark_each_its_own(issue):
    one = member("q=visits", "q=grants")
    freeze(issue)
    html = edition_of(one).html
    assert html.count("From your saved search: visits") == 2
    assert html.count("From your saved search: grants") == 1


def test_search_whose_words_are_no_longer_known_finds_nothing(issue):
    """“region=gone” must not turn into a search for everything."""
    one = member("region=london")
    SavedSearch.objects.update(query="region=gone")
    audience = audience_of(one)
    assert audience.searches == ("region=gone",)
    assert len(IssueEditions(issue).choose(audience).items) == 1


def test_words_are_harmless_in_the_mail(issue):
    page = issue.items.get(page__title="A day on visits").page
    page.title = "<b>{{ name }} *|X|*"
    page.save()
    one = member("q=%3Cb%3E%7B%7B+name+%7D%7D+%2A%7CX%7C%2A", kinds=["policy"])
    freeze(issue)
    html = edition_of(one).html
    assert "saved search: &lt;b&gt;" in html
    assert "{{" not in html
    assert "*|" not in html
    assert "{{" not in edition_of(one).text


def test_long_words_are_cut():
    words = "word " * 30
    page = factories.entry("event", title=words.strip())
    issue = factories.issue(pages=[page], live=True)
    one = member("q=" + words.strip().replace(" ", "+"))
    freeze(issue)
    line = next(line for line in edition_of(one).html.split("</p>") if "saved search" in line)
    assert len(line.rpartition("From your saved search")[2]) <= len(": ") + 60
    assert "…" in line


def test_each_distinct_search_is_asked_once(issue):
    for number in range(12):
        member(f"q={['visits', 'grants', 'day'][number % 3]}", sectors=[["health", "schools"][number % 2]])
    audiences = [Audience(key=audience_of(one).key) for one in factories.Subscription.objects.all()]
    editions = IssueEditions(issue)
    editions.choose(audiences[0])  # loads the vocabulary
    with CaptureQueriesContext(connection) as captured:
        for audience in audiences:
            editions.choose(audience)
    assert len(captured) == 2


def test_quarterly_readers_find_in_the_whole_quarter(issue):

    factories.sent(issue)
    december = factories.issue("2026-12", pages=[factories.entry(title="New")], live=True)
    one = member("q=visits", frequency="quarterly")
    freeze(december)
    assert titles(one) == ["Visits in London", "A day on visits", "New", "For everyone"]


def test_limit_holds_with_searches_too(issue):
    NewsletterSettings.objects.update_or_create(defaults={"items_per_edition": 2})
    one = member("q=visits")
    freeze(issue)
    assert titles(one) == ["Visits in London", "A day on visits"]
    assert edition_of(one).more_count == 1


candidates = st.lists(
    st.builds(
        Candidate,
        item=st.integers(1, 50),
        kind=st.sampled_from(Kind.values[:3]),
        sectors=st.frozensets(st.integers(1, 3), max_size=2),
        regions=st.frozensets(st.integers(11, 12), max_size=1),
        place=st.integers(1, 50),
        pinned=st.booleans(),
    ),
    max_size=10,
    unique_by=(lambda one: one.item, lambda one: one.place),
)


@given(candidates=candidates, data=st.data(), limit=st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_searches_add_and_never_take_away(candidates, data, limit):
    """Without a limit: exactly the rule's items and the matches; marks on what only a search brought."""
    found = {
        query: data.draw(
            st.frozensets(st.sampled_from([one.item for one in candidates])) if candidates else st.just(())
        )
        for query in ("q=a", "q=b")
    }
    audience = Audience(key=Audience.make_key(sectors=[1], region=11, kinds=Kind.values[:2]))
    plain = choose(candidates, audience, 100)
    full = choose(candidates, audience, 100, found)
    assert set(full.items) == set(plain.items) | set(found["q=a"]) | set(found["q=b"])
    assert dict(full.marks).keys() == set(full.items) - set(plain.items)
    assert all(item in found[query] for item, query in full.marks)
    assert [item for item in full.items if item in plain.items] == list(plain.items)
    cut = choose(candidates, audience, limit, found)
    assert cut.items == full.items[: len(cut.items)]
    assert len(cut.items) + cut.more == len(full.items)
    assert choose(candidates, audience, limit, {}) == choose(candidates, audience, limit)
    assert isinstance(full, Choice)
