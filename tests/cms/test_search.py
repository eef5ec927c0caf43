"""Searching the directory: what is found and in which order, counts beside the choices, and what searches cost.

Runs on SQLite and PostgreSQL alike: DATABASE_URL says which.
"""

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import Page, PageViewRestriction

from cms.directory import read_filters, search_directory
from cms.groups import MEMBERS_GROUP
from cms.indexing import index_entries
from cms.models import AgeGroup, DirectoryPage, Entry, Kind, Region, SearchFacets, SearchText, Sector, Topic
from cms.sample_content import make_entries
from cms.site import directory_page, home_page
from tests.cms.privacy import put_away
from tests.factories import entry

pytestmark = pytest.mark.django_db


def titles(**params):
    return [page.title for page in search_directory(params).page.object_list]


def about(page, topics=(), ages=()):
    page.topics.set(Topic.objects.filter(slug__in=topics))
    page.age_groups.set(AgeGroup.objects.filter(slug__in=ages))
    page.save()
    return page


def page_text(client, address):
    return " ".join(client.get(address).content.decode().split())


def counts(name, **params):
    facet = next(facet for facet in search_directory(params).facets if facet.name == name)
    return {option.value: option.count for option in facet.options if option.count}


# --- Words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "word"),
    [
        (Kind.RESOURCE, {"body": "<p>About <b>lullabies</b>.</p>"}, "lullabies"),
        (Kind.SERVICE, {"area": "Teesside"}, "teesside"),
        (Kind.SERVICE, {"who_it_helps": "Grandparents"}, "grandparents"),
        (Kind.EVENT, {"place": "Guildhall, Hull"}, "guildhall"),
        (Kind.TRAINING, {"provider": "Barnacle College"}, "barnacle"),
        (Kind.FUNDING, {"funder": "Lantern Fund"}, "lantern"),
        (Kind.RESEARCH, {"key_finding": "Letters matter."}, "letters"),
        (Kind.SERVICE, {"regions": ["north-east"]}, "north east"),
    ],
)
def test_words_are_found_wherever_everybody_may_read_them(kind, fields, word):
    entry(kind, title="Wanted", **fields)
    entry(title="Another")
    assert titles(q=word) == ["Wanted"]


@pytest.mark.parametrize("words", ["visit", "visiting", "VISITS", "vis", "family visits", '"family visits"', "famil"])
def test_forms_of_a_word_and_its_beginning_are_found(words):
    entry(title="Family visits")
    entry(title="Something else")
    assert titles(q=words) == ["Family visits"]


def test_words_in_quotation_marks_stand_together_and_a_minus_leaves_out():
    entry(title="Family visits")
    entry(title="Visits of a family to a prison")
    assert titles(q='"family visits"') == ["Family visits"]
    assert titles(q="visits -prison") == ["Family visits"]


def test_title_counts_more_than_summary_and_summary_more_than_text():
    now = timezone.now()
    entry(title="One", body="<p>Bereavement comes up now and then.</p>", published=now)
    entry(title="Two", summary="About bereavement.", published=now - timezone.timedelta(days=1))
    entry(title="Bereavement", published=now - timezone.timedelta(days=2))
    assert titles(q="bereavement") == ["Bereavement", "Two", "One"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("berreavement", "bereavement"), ("nusery", "nursery"), ("nusery breavement", "nursery bereavement")],
)
def test_typing_errors_are_forgiven(client, typed, meant):
    entry(title="Bereavement in the nursery")
    results = search_directory({"q": typed})
    assert (results.query, results.asked) == (meant, typed)
    assert [page.title for page in results.page] == ["Bereavement in the nursery"]
    text = client.get("/directory/", {"q": typed}).content.decode()
    assert f"No entry holds “{typed}”" in text


def test_nothing_near_is_not_made_into_something():
    entry(title="Bereavement")
    results = search_directory({"q": "xylophone"})
    assert (results.total, results.asked, results.query) == (0, "", "xylophone")


@pytest.mark.parametrize("reader", ["client", "member_client"])
@pytest.mark.parametrize("word", ["confidential", "orchard", "turned"])
def test_what_only_members_read_cannot_be_found_nor_suggested(request, reader, word):
    entry(
        Kind.CASE_STUDY,
        title="A nursery",
        body="<p>Confidential account</p>",
        setting="Orchard house",
        what_changed="Things turned",
    )
    assert search_directory({"q": word}).total == 0
    typo = word[:2] + "x" + word[2:]
    text = request.getfixturevalue(reader).get("/directory/", {"q": typo}).content.decode()
    assert "A nursery" not in text
    assert f"“{word}”" not in text


def test_what_is_unpublished_is_no_longer_found_and_what_changes_is_found_as_it_is():
    page = entry(title="Old name", summary="Words.")
    page.title = "New name"
    page.save_revision().publish()
    assert titles(q="old") == []
    assert titles(q="new") == ["New name"]
    Entry.objects.get(pk=page.pk).specific.unpublish()
    assert titles(q="new") == titles() == []
    page.delete()
    assert not SearchText.objects.exists()


def test_drafts_are_not_found_before_they_are_published():
    page = entry(title="Old name")
    page.title = "Secret plans"
    page.save_revision()
    assert titles(q="secret") == []


def test_region_that_gets_another_name_is_found_by_it():
    page = entry(title="Here", regions=["london"])
    london = Region.objects.get(slug="london")
    london.name, london.slug = "Greater London", "greater-london"
    london.save()
    assert titles(q="greater") == titles(region="greater-london") == ["Here"]
    assert [region.slug for region in search_directory({}).page[0].regions.all()] == ["greater-london"]
    london.delete()
    assert titles(q="greater") == []
    assert titles(region="north-east") == ["Here"], "without its region it is national"
    assert page.pk


def test_index_is_made_anew():
    page = entry(title="Family visits", sectors=["health"])
    entry(title="Draft", live=False)
    SearchText.objects.all().delete()
    assert titles(q="visits") == []
    call_command("index_entries", verbosity=0)
    assert titles(q="visits") == ["Family visits"]
    Entry.objects.filter(pk=page.pk).update(live=False)
    call_command("index_entries", verbosity=0)
    assert titles() == []


# --- Page privacy --------------------------------------------------------------------------------


def indexed():
    held = set(SearchText.objects.values_list("entry__title", flat=True))
    assert held == set(SearchFacets.objects.values_list("entry__title", flat=True))
    return held


@pytest.mark.parametrize("groups", [[], ["Trustees"], [MEMBERS_GROUP]], ids=["login", "group", "members"])
def test_what_is_put_behind_page_privacy_is_not_found_until_it_is_taken_out(groups):
    page = entry(title="Hidden visits")
    entry(title="Open visits")
    restriction = put_away(page, *groups)
    assert titles(q="visits") == titles() == ["Open visits"]
    assert counts("kind") == {"resource": 1}
    assert indexed() == {"Open visits"}
    page.title = "Hidden visits, published again"
    page.save_revision().publish()
    index_entries()
    assert indexed() == {"Open visits"}
    restriction.delete()
    assert indexed() == {"Open visits", "Hidden visits, published again"}


def test_privacy_form_hides_and_shows(superuser_client):
    page = entry(title="Visits")
    address = reverse("wagtailadmin_pages:set_privacy", args=[page.pk])
    superuser_client.post(address, {"restriction_type": "password", "password": "a word", "groups": []})
    assert titles() == []
    superuser_client.post(address, {"restriction_type": "none"})
    assert titles() == ["Visits"]


def test_all_of_a_directory_behind_page_privacy_is_not_found():
    entry(title="Visits")
    entry(Kind.CASE_STUDY, title="A nursery")
    put_away(directory_page())
    assert indexed() == set()
    PageViewRestriction.objects.filter(page=directory_page()).delete()
    assert indexed() == {"Visits", "A nursery"}


def test_case_study_keeps_its_teaser_unless_it_is_kept_for_others():
    page = entry(Kind.CASE_STUDY, title="A nursery")
    copy = page.copy(update_attrs={"slug": "copy", "title": "A copy"})
    assert indexed() == {"A nursery", "A copy"}
    put_away(copy, "Trustees")
    assert indexed() == {"A nursery"}
    restriction = page.view_restrictions.get()
    groups = list(restriction.groups.all())
    restriction.groups.clear()
    assert indexed() == set()
    restriction.groups.set(groups)
    assert indexed() == {"A nursery"}


def test_entry_that_moves_below_a_private_page_is_not_found():
    page = entry(title="Visits")
    private = home_page().add_child(instance=DirectoryPage(title="For staff", slug="staff"))
    put_away(private)
    page.move(private, pos="last-child")
    assert indexed() == set()
    Entry.objects.get(pk=page.pk).move(directory_page(), pos="last-child")
    assert indexed() == {"Visits"}


def test_private_entry_can_be_deleted():
    page = entry()
    put_away(page)
    page.delete()
    with connection.cursor():
        connection.check_constraints()
    assert not SearchText.objects.exists()


def test_making_the_index_anew_asks_as_often_however_many_are_private():
    def queries():
        with CaptureQueriesContext(connection) as captured:
            index_entries()
        return len(captured)

    for kind in (Kind.SERVICE, Kind.CASE_STUDY, Kind.SERVICE):
        last = entry(kind)
    put_away(last)
    few = queries()
    for _ in range(5):
        entry(Kind.CASE_STUDY)
        put_away(entry(Kind.SERVICE))
    assert queries() == few


# --- Facets --------------------------------------------------------------------------------------


def test_any_within_a_facet_and_all_across():
    entry(Kind.SERVICE, title="Service in London", regions=["london"])
    entry(Kind.TRAINING, title="Training in London", regions=["london"])
    entry(Kind.TRAINING, title="Training in the North East", regions=["north-east"])
    entry(Kind.EVENT, title="Event in London", regions=["london"])
    found = QueryDict("kind=service&kind=training&region=london")
    assert set(titles(kind=["service", "training"], region="london")) == {"Service in London", "Training in London"}
    assert {page.title for page in search_directory(found).page} == {"Service in London", "Training in London"}
    assert len(titles(kind=["service", "training"], region=["london", "north-east"])) == 3


def test_counts_apply_the_other_facets_and_not_their_own():
    entry(Kind.SERVICE, sectors=["health"])
    entry(Kind.SERVICE, sectors=["schools", "health"])
    entry(Kind.TRAINING, sectors=["schools"])
    entry(Kind.TRAINING)
    assert counts("kind", kind="service") == {"service": 2, "training": 2}
    assert counts("kind", sector="health") == {"service": 2, "training": 1}
    health_and_schools = counts("sector", kind="service")
    assert (health_and_schools["health"], health_and_schools["schools"]) == (2, 1)
    assert "prisons" not in health_and_schools
    assert counts("sector", kind="training")["prisons"] == 1, "what is for everyone counts for each"
    assert counts("kind", kind="service", sector="schools") == {"service": 1, "training": 2}


def test_every_count_is_what_choosing_it_brings():
    """Against the truth: each count of each facet equals the number of entries of the search with that value."""
    make_entries(60)
    for page in Entry.objects.all()[:5]:
        page.specific.unpublish()
    for asked in (
        {},
        {"kind": ["service", "resource"]},
        {"sector": "health", "topic": ["visits", "parenting"]},
        {"q": "family"},
    ):
        results = search_directory(asked)
        for facet in results.facets:
            for option in facet.options[:4]:
                total = search_directory({**asked, facet.name: option.value}).total
                assert option.count == total, (asked, facet.name, option.value)


def test_counts_agree_with_the_entries_own_terms():
    make_entries(80)
    everything = Entry.objects.live()
    for sector in Sector.objects.all():
        own = everything.filter(sectors=sector).count() + everything.filter(sectors=None).count()
        assert counts("sector")[sector.slug] == own
    for topic in Topic.objects.all():
        assert counts("topic").get(topic.slug, 0) == everything.filter(topics=topic).count()


def test_filters_narrow_any_query_of_entries_and_can_be_united():
    pages = [entry(title="Family visits", sectors=["health", "schools"]), entry(title="Grants"), entry(title="Visits")]
    narrowed = [
        read_filters(params)
        .narrow(Entry.objects.filter(pk__in=[page.pk for page in pages]))
        .order_by()
        .values_list("pk")
        for params in ({"q": "visits"}, {"q": "grants", "kind": ["resource"]}, {"sector": ["health", "schools"]})
    ]
    assert {pk for (pk,) in narrowed[0].union(*narrowed[1:])} == {page.pk for page in pages}
    assert narrowed[2].count() == 3, "an entry comes once, however many of its sectors are chosen"


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("q=a%26b&kind=event", "kind=event&q=a%26b"),
        ("kind=training&kind=service&kind=service&kind=nonsense", "kind=service&kind=training"),
        ("sort=title&page=4&region=london", "region=london"),
        ("q=one&q=two", "q=two"),
    ],
)
def test_the_same_search_has_one_spelling(address, canonical):
    assert read_filters(QueryDict(address)).canonical == canonical


# --- Order, chips, nothing found -----------------------------------------------------------------


def test_orders():
    now, day = timezone.now(), timezone.timedelta(days=1)
    entry(Kind.EVENT, title="B past", starts_at=now - 3 * day, published=now)
    entry(Kind.EVENT, title="C soon", starts_at=now + 3 * day, published=now - day)
    entry(Kind.EVENT, title="D later", starts_at=now + 9 * day, published=now - 2 * day)
    entry(title="a without a day", published=now - 3 * day)
    assert (
        titles(sort="newest")
        == titles()
        == titles(sort="nonsense")
        == ["B past", "C soon", "D later", "a without a day"]
    )
    assert titles(sort="title") == ["a without a day", "B past", "C soon", "D later"]
    assert titles(sort="date") == ["C soon", "D later", "a without a day", "B past"]


def test_each_choice_can_be_taken_away_by_itself(client):
    entry(Kind.SERVICE, title="Visits", regions=["london"])
    results = search_directory(QueryDict("q=visits&kind=service&kind=event&region=london&sort=title"))
    chips = {chip.label: chip.address for chip in results.chips}
    assert chips == {
        "“visits”": "kind=service&kind=event&region=london&sort=title",
        "Support service": "q=visits&kind=event&region=london&sort=title",
        "Event": "q=visits&kind=service&region=london&sort=title",
        "London": "q=visits&kind=service&kind=event&sort=title",
    }


def test_nothing_found_says_what_each_choice_costs(client):
    entry(Kind.SERVICE, title="Visits", regions=["london"])
    entry(Kind.SERVICE, title="Grants", regions=["north-east"])
    entry(Kind.EVENT, title="A day on visits", regions=["london"])
    address = "/directory/?q=visits&kind=service&region=north-east"
    results = search_directory(QueryDict(address.partition("?")[2]))
    ways = {way.label: (way.count, way.address) for way in results.wider}
    assert ways["North East"] == (1, "q=visits&kind=service")
    assert ways["“visits”"] == (1, "kind=service&region=north-east")
    assert ways[""] == (2, "q=visits")
    assert "Support service" not in ways, "without it there would still be none"
    text = client.get(address).content.decode()
    assert "Nothing matches all of that together" in text
    assert "ring the helpline" in text


# --- The page ------------------------------------------------------------------------------------


def test_htmx_gets_the_list_alone_with_the_address_to_share(client):
    entry(title="Family visits")
    response = client.get("/directory/?q=visits&kind=&sort=relevance", headers={"HX-Request": "true"})
    text = " ".join(response.content.decode().split())
    assert "<html" not in text
    assert "Family visits" in text
    assert '<p class="visually-hidden" id="found" role="status" hx-swap-oob="innerHTML">1 entry matches' in text
    assert response["HX-Push-Url"] == "?q=visits"
    assert "HX-Request" in response["Vary"]
    again = client.get("/directory/?q=visits", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in again.content.decode()


def test_choices_are_checkboxes_with_counts_and_empty_ones_cannot_be_chosen(client):
    entry(Kind.SERVICE)
    text = page_text(client, "/directory/?kind=event&kind=service")
    assert 'id="kind-service" name="kind" value="service" checked>' in text
    assert 'id="kind-event" name="kind" value="event" checked>' in text, "what is chosen stays to be taken away"
    assert 'id="kind-policy" name="kind" value="policy" disabled>' in text
    assert 'id="more-topic">' in text
    assert 'id="more-topic" open>' in page_text(client, "/directory/?topic=stigma")


def test_row_says_what_is_to_be_known(client):
    page = about(entry(Kind.SERVICE, title="Play", sectors=["health"], regions=["london"]), ages=["under-3"])
    page.assured_on, page.review_due = timezone.datetime(2026, 1, 2).date(), timezone.datetime(2026, 2, 1).date()
    page.save()
    text = client.get("/directory/").content.decode()
    for words in (
        "Support service",
        "For: Health",
        "London",
        "Ages under 3",
        "Checked on 2 January 2026",
        "Due to be checked",
    ):
        assert words in text


HOSTILE = [
    *[
        f"q={words}"
        for words in (
            "%00",
            "%22",
            "%22%22",
            "%22*%22",
            "OR",
            "AND+NOT",
            "NEAR%28a+b%29",
            "a%3A%2A",
            "%5E",
            "--",
            "-a",
            "%5C",
        )
    ],
    *[
        f"q={words}"
        for words in (
            "%28%28%28",
            "a+%26+%7C+%21+b",
            "%27%3B--",
            "title%3Avisits",
            "*",
            "%22a+b",
            "%F0%9F%8F%A0",
            "%ED%A0%80",
        )
    ],
    "q=" + "x+" * 5000,
    "q=" + "%22-" * 3000,
    "&".join(["kind=service"] * 500),
    "&".join(f"sector=s{number}" for number in range(500)),
    "q=a&q=b&page=2&page=abc&sort=x&sort=title",
    "page=999999",
    "page=" + "9" * 400,
    "page=%D9%A1",
    "sort=%00&kind=%00&q=+",
    "sort=relevance",
]


@pytest.mark.parametrize("address", HOSTILE, ids=lambda address: address[:40])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["whole", "part"])
def test_any_address_gives_a_clean_page(client, address, headers):
    entry(title="Visits")
    response = client.get(f"/directory/?{address}", headers=headers)
    assert response.status_code == 200
    assert len(response.content) < 100_000


def test_a_search_takes_few_queries_whatever_there_is(client):
    everything = "kind=service&kind=resource&sector=health&region=london&topic=visits&age=under-3&reader=families"
    address = f"/directory/?q=family&{everything}"

    def queries():
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        with CaptureQueriesContext(connection) as all_of_it:
            assert client.get("/directory/").status_code == 200
        return len(captured), len(all_of_it)

    make_entries(20)
    few = queries()
    make_entries(200)
    assert queries() == few
    assert max(few) <= 12


# --- What readers of the hub must not find, and how they choose an order ---------------------------


def test_publisher_of_a_case_study_is_not_found(client):
    entry(Kind.CASE_STUDY, title="A nursery asks", publisher="Hushed Priory")
    assert titles(q="nursery asks") == ["A nursery asks"]
    assert titles(q="hushed priory") == []


@pytest.mark.parametrize("way", ["plain page", "alias"])
def test_unpublished_as_a_plain_page_is_not_found(way):
    page = entry(title="Zeta workshop")
    if way == "alias":
        page.create_alias(update_slug="zeta-alias", parent=directory_page())
    Page.objects.get(pk=page.pk).unpublish()
    assert search_directory({"q": "zeta"}).total == 0
    assert not SearchText.objects.exists()


def test_words_typed_into_the_whole_list_are_ranked(client):
    """The order nobody chose has no value in the form, and so is not asked for by the next search."""
    entry(title="Babies in prison")
    entry(title="Something new", body="<p>Also for babies.</p>")
    chosen = search_directory({}).sorts[0]
    assert chosen == ("", "Newest first")
    assert titles(q="babies", sort="") == ["Babies in prison", "Something new"]
    assert titles(q="babies", sort="newest") == ["Something new", "Babies in prison"]
