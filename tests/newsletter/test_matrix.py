"""The table of items and readers says what the rule gives; the editions foreseen are those that freezing makes."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.models import Kind, Region, Sector
from membership.audiences import assign_audiences
from membership.models import Audience, Subscription
from newsletter import readership
from newsletter.choosing import Choice
from newsletter.editions import IssueEditions
from newsletter.freezing import freeze
from newsletter.matrix import Cell, Gets, by_region, by_sector
from newsletter.models import Delivery, Edition, Item, NewsletterSettings
from newsletter.readership import NOT_FOR_THEM, Crowd, Fill, foresee, look_back
from tests import factories

pytestmark = pytest.mark.django_db


def limit_to(number: int) -> None:
    NewsletterSettings.objects.update_or_create(defaults={"items_per_edition": number})


def crowd() -> Crowd:
    assign_audiences()
    return Crowd.today()


def foreseen(issue):
    editions, today = IssueEditions(issue), crowd()
    editions.prepare(today.members)
    return foresee(editions, today)


def row(matrix, headline):
    return next(one for one in matrix.rows if one.headline == headline)


def cell(matrix, headline, column):
    names = [one.name for one in matrix.columns]
    return row(matrix, headline).cells[names.index(column)]


def column(matrix, name):
    return next(one for one in matrix.columns if one.name == name)


class TestTable:
    def test_cells_say_what_the_rule_gives_every_single_reader(self, issue):
        """Every cell of every region, against a member's own choice with the same key."""
        limit_to(2)
        issue.items.filter(page__title="For schools").update(pinned=True)
        editions = IssueEditions(issue)
        for region in [None, *Region.objects.all()]:
            matrix = by_sector(editions, Crowd({}), region.pk if region else None)
            for number, sector in enumerate(Sector.objects.all()):
                key = Audience.make_key(sectors=[sector.pk], region=region.pk if region else None, kinds=Kind.values)
                choice = editions.choose(Audience(key=key))
                carried = [one.headline for one in matrix.rows if one.cells[number].gets in (Gets.OWN, Gets.EVERYONE)]
                assert sorted(carried) == sorted(editions.items[place].page.title for place in choice.items)
                assert sum(one.cells[number].gets == Gets.CUT for one in matrix.rows) == choice.more
                assert (matrix.columns[number].items, matrix.columns[number].more) == (len(choice.items), choice.more)

    def test_own_sector_everyone_and_not_for_them_are_told_apart(self, issue):
        matrix = by_sector(IssueEditions(issue), Crowd({}), factories.region("north-east").pk)
        assert cell(matrix, "For everyone", "Health").gets == Gets.EVERYONE
        assert cell(matrix, "For health", "Health").gets == Gets.OWN
        assert cell(matrix, "For health in the North East", "Health").gets == Gets.OWN
        assert cell(matrix, "For schools", "Health").gets == Gets.NOTHING

    def test_what_is_beyond_the_limit_is_cut(self, issue):
        limit_to(1)
        matrix = by_sector(IssueEditions(issue), Crowd({}), factories.region("north-east").pk)
        assert cell(matrix, "For health", "Health").gets == Gets.OWN
        assert cell(matrix, "For everyone", "Health").gets == Gets.CUT
        assert (column(matrix, "Health").fill, column(matrix, "Health").more) == (Fill.CUT, 2)
        assert column(matrix, "Prisons").fill == Fill.FULL

    def test_without_a_region_it_sums_up_where_it_differs(self, issue):
        matrix = by_sector(IssueEditions(issue), Crowd({}), None)
        assert matrix.regions == 9
        assert cell(matrix, "For health in the North East", "Health") == Cell(Gets.NOTHING, 1)
        assert cell(matrix, "For health", "Health").regions is None
        assert row(matrix, "For health in the North East").regions == "North East"
        assert (column(matrix, "Health").least, column(matrix, "Health").most) == (2, 3)

    def test_items_cut_only_in_a_region_are_counted(self, issue):
        limit_to(2)
        matrix = by_sector(IssueEditions(issue), Crowd({}), None)
        everyone = cell(matrix, "For everyone", "Health")
        assert (everyone.gets, everyone.regions) == (Gets.EVERYONE, 8)
        assert column(matrix, "Health").regions_cut == 1

    def test_rows_keep_the_editors_order_and_name_what_is_left_out(self, issue):
        issue.items.filter(page__title="For health").update(left_out=True, sort_order=99)
        issue.items.get(page__title="For schools").page.unpublish()
        issue.items.filter(page__title="For everyone").update(pinned=True, headline="Read this")
        matrix = by_sector(IssueEditions(issue), Crowd({}), None)
        assert [(one.headline, one.pinned, one.why_not) for one in matrix.rows] == [
            ("Read this", True, ""),
            ("For schools", False, "not on the site now"),
            ("For health in the North East", False, ""),
            ("For health", False, "left out"),
        ]
        assert {one.gets for name in ("For health", "For schools") for one in row(matrix, name).cells} == {Gets.NOTHING}

    def test_by_region_for_one_sector_and_for_all(self, issue):
        every = by_region(IssueEditions(issue), Crowd({}), None)
        assert cell(every, "For schools", "London").gets == Gets.OWN
        health = by_region(IssueEditions(issue), Crowd({}), factories.sector("health").pk)
        assert cell(health, "For schools", "London").gets == Gets.NOTHING
        assert cell(health, "For health in the North East", "North East").gets == Gets.OWN
        assert cell(health, "For health in the North East", "No region").gets == Gets.NOTHING

    def test_columns_count_members_who_have_the_sector_among_theirs(self, issue):
        factories.subscription(sectors=["health", "schools"], region_slug="london")
        factories.subscription(sectors=["health"], region_slug="north-east")
        factories.subscription(sectors=["health"], state=Subscription.State.PAUSED)
        factories.subscription(sectors=["health"], suppressed=True)
        today, editions = crowd(), IssueEditions(issue)
        anywhere = by_sector(editions, today, None)
        assert [column(anywhere, name).members for name in ("Health", "Schools", "Prisons")] == [2, 1, 0]
        assert column(by_sector(editions, today, factories.region("london").pk), "Health").members == 1
        assert column(by_region(editions, today, None), "London").members == 1
        assert column(by_region(editions, today, factories.sector("prisons").pk), "London").members == 0

    def test_empty_issue_has_no_rows(self):
        matrix = by_sector(IssueEditions(factories.issue()), Crowd({}), None)
        assert matrix.rows == ()
        assert {one.fill for one in matrix.columns} == {Fill.EMPTY}


class TestCrowd:
    def test_only_those_who_would_be_mailed_count(self, members):
        today = crowd()
        assert sum(today.members.values()) == 4
        assert sorted(today.members.values()) == [1, 1, 2]

    def test_those_whose_choice_is_not_worked_out_are_told_apart(self, members):
        assert (Crowd.today().members, Crowd.today().waiting) == ({}, 4)


class TestForesee:
    def test_it_is_what_freezing_makes(self, issue, members):
        """Lists, numbers and who gets nothing: foreseen, then frozen."""
        factories.subscription(sectors=["health", "schools"], region_slug="london", kinds=["event"])
        before = foreseen(issue)
        freeze(issue)
        after = look_back(issue, 12)
        assert sorted((one.headlines, one.more, one.members, one.fill) for one in before.editions) == sorted(
            (one.headlines, one.more, one.members, one.fill) for one in after.editions
        )
        pending = Delivery.objects.filter(issue=issue, state="pending").count()
        assert before.reached == after.reached == pending == 4
        assert before.nothing == ((NOT_FOR_THEM, 1),)
        assert dict(after.nothing) == {"nothing new for this member": 1, "paused": 1, "suppressed": 1}
        assert before.count == after.count == Edition.objects.filter(issue=issue).count()

    def test_audiences_that_get_the_same_share_a_row(self, issue):
        for region in ("london", "london", None):
            factories.subscription(sectors=["health"], region_slug=region)
        (one,) = foreseen(issue).editions
        assert (one.label, one.audiences, one.others, one.members) == ("Health · London", 2, 1, 3)
        assert one.audience == Audience.objects.get(key__contains=f"r{factories.region('london').pk};").pk

    def test_quarterly_readers_wait_and_are_told_apart(self, issue):
        factories.subscription(frequency="quarterly")
        factories.subscription(kinds=["event"])
        found = foreseen(issue)
        assert dict(found.nothing) == {"quarterly: next issue in December": 1, NOT_FOR_THEM: 1}
        assert (found.count, found.reached, found.without) == (0, 0, 2)

    def test_fill_follows_the_limit_and_a_quarterly_edition_holds_more(self):
        december = factories.issue("2026-12", pages=[factories.entry() for _ in range(3)], live=True)
        factories.subscription(frequency="quarterly")
        factories.subscription()
        limit_to(2)
        found = {one.label: (one.fill, one.more, len(one.headlines)) for one in foreseen(december).editions}
        assert found == {
            "Health · North East · quarterly": (Fill.ROOM, 0, 3),
            "Health · North East": (Fill.CUT, 1, 2),
        }

    def test_beyond_the_first_the_rest_is_summed_up(self, issue, monkeypatch):
        monkeypatch.setattr(readership, "SHOWN", 1)
        for sectors in (["health"], ["health"], ["schools"], ["prisons"]):
            factories.subscription(sectors=sectors)
        before = foreseen(issue)
        assert [one.members for one in before.editions] == [2]
        assert (before.count, before.rest, before.rest_members, before.reached) == (3, 2, 2, 4)
        freeze(issue)
        after = look_back(issue, 12)
        assert [one.members for one in after.editions] == [2]
        assert (after.count, after.rest, after.rest_members) == (3, 2, 2)

    def test_frozen_edition_names_what_has_been_deleted_since(self, issue):
        factories.subscription(sectors=["schools"])
        freeze(issue)
        Item.objects.filter(page__title="For schools").update(page=None)
        (one,) = look_back(issue, 12).editions
        assert one.headlines == ("An entry that has been deleted", "For everyone")


class TestQueries:
    """The number of queries grows neither with items nor with editions nor with members."""

    def issue_of(self, period, count):
        pages = [
            factories.entry(
                Kind.values[number % 8],
                sectors=[["health", "schools"][number % 2]] if number % 3 else [],
                regions=["london"] if number % 4 == 0 else [],
            )
            for number in range(count)
        ]
        issue = factories.issue(period, pages=pages)
        issue.items.filter(pk=issue.items.first().pk).update(left_out=True)
        return issue

    def queries(self, issue):
        with CaptureQueriesContext(connection) as captured:
            editions, today = IssueEditions(issue), Crowd.today()
            editions.prepare(today.members)
            by_sector(editions, today, None)
            by_region(editions, today, None)
            foresee(editions, today)
        return len(captured)

    def test_draft(self):
        NewsletterSettings.load()
        factories.subscription(sectors=["health"], region_slug="london")
        assign_audiences()
        few = self.queries(self.issue_of("2026-10", 9))
        for number in range(12):
            factories.subscription(
                sectors=[["health", "schools", "prisons"][number % 3]], kinds=Kind.values[number % 8 :]
            )
        assign_audiences()
        assert self.queries(self.issue_of("2026-11", 48)) == few

    def test_saved_searches_are_asked_many_at_once(self, issue):
        editions = IssueEditions(issue)
        editions.prepare([Audience(key=Audience.make_key(sectors=[], region=None, kinds=[], searches=["q=first"]))])

        def queries(searches):
            audiences = [
                Audience(key=Audience.make_key(sectors=[], region=None, kinds=[], searches=[search]))
                for search in searches
            ]
            with CaptureQueriesContext(connection) as captured:
                editions.prepare(audiences)
                choices = [editions.choose(audience) for audience in audiences]
            return len(captured), choices

        assert queries(["q=schools"]) == (1, [Choice((3,), 0, ((3, "q=schools"),))])
        number, choices = queries([f"q=word{number}" for number in range(19)] + ["q=everyone"])
        assert (number, choices[-1].items) == (1, (1,))

    def test_frozen(self, issue):
        def queries(frozen):
            with CaptureQueriesContext(connection) as captured:
                look_back(frozen, 12)
            return len(captured)

        factories.subscription(sectors=["health"])
        freeze(issue)
        for number in range(8):
            factories.subscription(sectors=[["health", "schools", "prisons"][number % 3]])
        other = factories.issue("2026-11", pages=[factories.entry(sectors=["health"]), factories.entry()], live=True)
        freeze(other)
        assert queries(issue) == queries(other) == 6


def test_nothing_is_for_anybody_when_entries_have_gone(issue):
    """Everything unpublished since: the table still stands, and says why."""
    factories.subscription()
    for item in issue.items.all():
        item.page.unpublish()
    found = foreseen(issue)
    assert (found.count, found.without) == (0, 1)
    matrix = by_sector(IssueEditions(issue), Crowd({}), None)
    assert {one.why_not for one in matrix.rows} == {"not on the site now"}
