"""The edition rule, against an oracle written apart from it, and what an issue's editions hold."""

from datetime import date

import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from cms.models import Kind
from membership.models import Audience
from newsletter.choosing import Candidate, Choice, choose
from newsletter.editions import IssueEditions
from newsletter.freezing import freeze
from newsletter.models import Edition, EditionAudience, Item, NewsletterSettings
from tests import factories

SECTORS, REGIONS = list(range(1, 5)), list(range(11, 14))
some_sectors = st.frozensets(st.sampled_from(SECTORS), max_size=3)
some_regions = st.frozensets(st.sampled_from(REGIONS), max_size=2)
some_kinds = st.frozensets(st.sampled_from(Kind.values), max_size=8)
limits = st.integers(1, 8)


@st.composite
def some_candidates(draw):
    """Items in any order, with ids that tell nothing about their places."""
    size = draw(st.integers(0, 12))
    places = draw(st.permutations(range(size)))
    return [
        Candidate(
            item=100 - number,
            kind=draw(st.sampled_from(Kind.values)),
            sectors=draw(some_sectors),
            regions=draw(some_regions),
            place=places[number],
            pinned=draw(st.integers(0, 4)) == 0,
        )
        for number in range(size)
    ]


@st.composite
def some_audiences(draw):
    region = draw(st.sampled_from([None, *REGIONS]))
    return Audience(key=Audience.make_key(sectors=draw(some_sectors), region=region, kinds=draw(some_kinds)))


def is_chosen(one, audience):
    """Whether an item is for somebody by kind, sector and region; with lists, where the product has sets."""
    own = [sector for sector in one.sectors if sector in audience.sector_ids]
    there = [region for region in one.regions if region == audience.region_id]
    return one.kind in audience.kinds and (own or len(one.sectors) == 0) and (there or len(one.regions) == 0)


def oracle(candidates, audience, limit, found):
    """The rule of design.md, word by word, with piles instead of a sort key."""
    piles = {(pinned, pile): [] for pinned in (True, False) for pile in ("own", "search", "everyone")}
    marks = {}
    for one in sorted(candidates, key=lambda one: one.place):
        searches = sorted(query for query, items in found.items() if one.item in items)
        if is_chosen(one, audience):
            own = any(sector in audience.sector_ids for sector in one.sectors)
            piles[one.pinned, "own" if own else "everyone"].append(one.item)
        elif searches:
            piles[one.pinned, "search"].append(one.item)
            marks[one.item] = searches[0]
    pinned = piles[True, "own"] + piles[True, "search"] + piles[True, "everyone"]
    rest = piles[False, "own"] + piles[False, "search"] + piles[False, "everyone"]
    room = max(0, limit - len(pinned))
    kept = pinned + rest[:room]
    return Choice(tuple(kept), len(rest[room:]), tuple((item, marks[item]) for item in kept if item in marks))


nothing_found = st.just({})
some_found = st.dictionaries(
    st.sampled_from(["q=visits", "kind=event", "topic=money"]), st.frozensets(st.integers(89, 100))
)
every_case = given(
    candidates=some_candidates(), audience=some_audiences(), limit=limits, found=nothing_found | some_found
)
enough = settings(max_examples=120, deadline=None, database=None)


@enough
@every_case
def test_everybody_gets_what_the_rule_says(candidates, audience, limit, found):
    assert choose(candidates, audience, limit, found) == oracle(candidates, audience, limit, found)


@enough
@every_case
def test_nobody_gets_what_is_for_others(candidates, audience, limit, found):
    by_item = {one.item: one for one in candidates}
    chosen = choose(candidates, audience, limit, found)
    searched = dict(chosen.marks)
    for item in chosen.items:
        if item in searched:
            assert item in found[searched[item]]
            continue
        one = by_item[item]
        assert one.kind in audience.kinds
        assert not one.regions or audience.region_id in one.regions
        assert not one.sectors or one.sectors & audience.sector_ids


@enough
@every_case
def test_limit_pins_and_the_rest(candidates, audience, limit, found):
    by_item = {one.item: one for one in candidates}
    chosen = choose(candidates, audience, limit, found)
    unlimited = choose(candidates, audience, len(candidates) + 1, found)
    pinned = [item for item in unlimited.items if by_item[item].pinned]
    assert unlimited.more == 0
    assert len(chosen.items) + chosen.more == len(unlimited.items)
    assert len(chosen.items) <= max(limit, len(pinned))
    assert list(chosen.items[: len(pinned)]) == pinned
    assert chosen.items == unlimited.items[: len(chosen.items)]
    assert len(set(chosen.items)) == len(chosen.items)


@enough
@given(candidates=some_candidates(), audience=some_audiences(), limit=limits, shuffle=st.randoms(use_true_random=False))
def test_the_order_items_come_in_does_not_matter(candidates, audience, limit, shuffle):
    shuffled = list(candidates)
    shuffle.shuffle(shuffled)
    assert choose(shuffled, audience, limit) == choose(candidates, audience, limit)


def test_own_sector_comes_before_everyone_then_the_editors_order():
    def one(item, place, sectors=(), pinned=False):
        return Candidate(item, "event", frozenset(sectors), frozenset(), place, pinned)

    audience = Audience(key=Audience.make_key(sectors=[1], region=None, kinds=["event"]))
    items = [one(10, 1), one(20, 2, [1, 2]), one(30, 3, [2]), one(40, 4, [1]), one(50, 5), one(60, 6, pinned=True)]
    assert choose(items, audience, 12) == Choice((60, 20, 40, 10, 50), 0)
    assert choose(items, audience, 3) == Choice((60, 20, 40), 2)


class TestSharedEditions:
    """Audiences whose lists come out the same share one edition."""

    def test_as_many_editions_as_distinct_lists(self, issue):
        people = [
            factories.subscription(sectors=["health"], region_slug="north-east"),
            factories.subscription(sectors=["health", "prisons"], region_slug="north-east"),  # the same list
            factories.subscription(sectors=["health"], region_slug="london"),
            factories.subscription(sectors=["health"], region_slug=None),  # the same list as London
            factories.subscription(sectors=["schools"], region_slug="north-east"),
            factories.subscription(sectors=["prisons"], region_slug="london"),
            factories.subscription(sectors=["probation"], region_slug="south-west", kinds=["resource"]),  # the same
            factories.subscription(sectors=["probation"], region_slug="south-west", kinds=["event"]),  # nothing
        ]
        freeze(issue)
        lists = {
            tuple(edition.places.values_list("item__page__title", flat=True)): edition.pk
            for edition in Edition.objects.filter(issue=issue)
        }
        health = "For health"
        assert set(lists) == {
            (health, "For health in the North East", "For everyone"),
            (health, "For everyone"),
            ("For schools", "For everyone"),
            ("For everyone",),
        }
        assert Edition.objects.filter(issue=issue).count() == 4
        got = [person.member.deliveries.get().edition_id for person in people]
        assert got[0] == got[1] == lists[(health, "For health in the North East", "For everyone")]
        assert got[2] == got[3] == lists[(health, "For everyone")]
        assert got[4] == lists[("For schools", "For everyone")]
        assert got[5] == got[6] == lists[("For everyone",)]
        assert got[7] is None
        assert EditionAudience.objects.filter(issue=issue).count() == 8

    def test_another_count_of_cut_items_is_another_edition(self, issue):
        """“2 more on the website” would be a lie to those who have 1 more."""
        NewsletterSettings.objects.update_or_create(defaults={"items_per_edition": 1})
        factories.subscription(sectors=["health"], region_slug="north-east")
        factories.subscription(sectors=["health"], region_slug="london")
        freeze(issue)
        assert sorted(Edition.objects.values_list("more_count", flat=True)) == [1, 2]


class TestIssueEditions:
    def content(self, issue, **choice):
        chosen = {"sectors": [], "region": None, "kinds": Kind.values, **choice}
        editions = IssueEditions(issue)
        return editions.content(editions.choose(Audience(key=Audience.make_key(**chosen))))

    def test_left_out_items_are_carried_by_nobody(self, issue):
        Item.objects.filter(page__title="For everyone").update(left_out=True)
        assert self.content(issue).items == ()

    def test_entries_taken_off_the_site_are_left_out(self, issue):
        issue.items.get(page__title="For everyone").page.unpublish()
        assert self.content(issue).items == ()

    def test_editors_sectors_replace_the_entrys(self, issue):
        health, schools = factories.sector("health"), factories.sector("schools")
        item = issue.items.get(page__title="For health")
        item.sectors.set([schools])
        item.save()
        titles = [one.headline for one in self.content(issue, sectors=[health.pk]).items]
        assert "For health" not in titles
        shown = [one for one in self.content(issue, sectors=[schools.pk]).items if one.headline == "For health"]
        assert [one.audience_label for one in shown] == ["For: Schools · national"]

    def test_editors_words_replace_the_entrys(self, issue):
        issue.items.filter(page__title="For everyone").update(headline="Read this", summary="It is short.")
        (only,) = self.content(issue).items
        assert (only.headline, only.summary) == ("Read this", "It is short.")

    def test_highlights_are_three_pinned_ones_at_most_and_never_repeated(self, db):
        pages = [factories.entry(title=f"Entry {number}") for number in range(5)]
        issue = factories.issue(pages=pages, live=True)
        issue.items.update(pinned=True)
        content = self.content(issue)
        assert [one.headline for one in content.highlights] == ["Entry 0", "Entry 1", "Entry 2"]
        assert [one.headline for section in content.sections for one in section.items] == ["Entry 3", "Entry 4"]

    def test_links_of_an_item_have_the_same_number_in_every_edition(self, issue):
        numbers = {}
        for sectors in ([], ["health"], ["schools"], ["health", "schools"]):
            content = self.content(
                issue,
                sectors=[factories.sector(slug).pk for slug in sectors],
                region=factories.region("north-east").pk,
            )
            for one in content.items:
                assert numbers.setdefault(one.url, one.number) == one.number
        assert len(set(numbers.values())) == len(numbers) == 4

    def test_number_of_queries_does_not_grow_with_the_items(self, db):
        def queries(period, count):
            pages = [
                factories.entry(
                    Kind.values[number % 8],
                    sectors=["health", "schools"] if number % 2 else [],
                    regions=["london"] if number % 3 else [],
                    **({"deadline": date(2099, 1, 1)} if Kind.values[number % 8] == "funding" else {}),
                )
                for number in range(count)
            ]
            issue = factories.issue(period, pages=pages, live=True)
            with CaptureQueriesContext(connection) as captured:
                editions = IssueEditions(issue)
                editions.content(editions.general())
            assert len(editions.items) == count
            return len(captured)

        NewsletterSettings.load()  # made when first asked for
        # One of each kind at least: a kind without any entry would save a prefetch.
        assert queries("2026-09", 8) == queries("2026-10", 48)

    @time_machine.travel("2026-11-02 09:00Z", tick=False)
    def test_event_says_when_and_where(self, db):
        starts = timezone.make_aware(timezone.datetime(2026, 12, 4, 10))
        issue = factories.issue(pages=[factories.entry("event", starts_at=starts, place="Newcastle")], live=True)
        (only,) = self.content(issue).items
        assert only.date_line == "Friday 4 December 2026, 10am, Newcastle"
        assert only.leaf == date(2026, 12, 4)
