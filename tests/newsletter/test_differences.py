"""What has changed since somebody looked, told from two small copies of who gets what."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from cms.models import Kind
from membership.audiences import assign_audiences
from membership.models import Audience
from newsletter import differences
from newsletter.differences import difference, keep, take
from newsletter.editions import IssueEditions
from newsletter.models import Issue, Item, NewsletterSettings, SeenEditions
from newsletter.readership import Crowd
from tests import factories

pytestmark = pytest.mark.django_db


def copy(issue):
    """What is kept of an issue now, as it comes back from the database."""
    assign_audiences()
    editions = IssueEditions(Issue.objects.get(pk=issue.pk))
    return json.loads(json.dumps(take(editions, Crowd.today().members)))


def compare(before, now):
    return difference(before, now, Crowd.today().by_audience)


@pytest.fixture
def readers(db):
    """Three members in two audiences: two for health in London, one for schools."""
    for sectors in (["health"], ["health"], ["schools"]):
        factories.subscription(sectors=sectors, region_slug="london")


@pytest.fixture
def changed(issue, readers):
    """A function that does something to the issue and says what has changed by it."""

    def act(change):
        before = copy(issue)
        change(issue)
        return compare(before, copy(issue))

    return act


def item(issue, title):
    return issue.items.get(page__title=title)


class TestDifference:
    def test_nothing_done_nothing_changed(self, changed):
        found = changed(lambda issue: None)
        assert not found
        assert (found.editions, found.audiences, found.members, found.changes) == (0, 0, 0, ())

    def test_left_out_is_taken_out_of_the_editions_that_had_it(self, changed):
        found = changed(lambda issue: issue.items.filter(page__title="For health").update(left_out=True))
        assert found.items.removed == ("For health",)
        assert (found.editions, found.audiences, found.members) == (1, 1, 2)
        (one,) = found.changes
        assert (one.removed, one.added, one.reworded, one.members, one.items_now) == (("For health",), (), (), 2, 1)

    def test_added(self, changed):
        def add(issue):
            page = factories.entry(title="Late", sectors=["schools"])
            Item.objects.create(issue=issue, page=page, announcement=page.announced_on, section=page.kind, sort_order=9)

        found = changed(add)
        assert (found.items.added, found.items.moved) == (("Late",), ())
        assert [(one.added, one.members) for one in found.changes] == [(("Late",), 1)]

    @pytest.mark.parametrize("field", ["headline", "summary"])
    def test_reworded_reaches_everybody_who_gets_it(self, changed, field):
        found = changed(lambda issue: issue.items.filter(page__title="For everyone").update(**{field: "New words"}))
        title = "New words" if field == "headline" else "For everyone"
        assert found.items.reworded == (title,)
        assert (found.editions, found.members) == (2, 3)
        assert {one.reworded for one in found.changes} == {(title,)}
        assert {(one.added, one.removed, one.reordered) for one in found.changes} == {((), (), False)}

    def test_an_entry_reworded_on_the_site_counts(self, changed):
        def reword(issue):
            page = item(issue, "For schools").page.specific
            page.summary = "Something else."
            page.save()

        found = changed(reword)
        assert found.items.reworded == ("For schools",)
        assert [one.members for one in found.changes] == [1]

    def test_words_nobody_gets_change_no_edition(self, changed):
        found = changed(lambda issue: issue.items.filter(page__title__contains="North East").update(headline="Else"))
        assert found.items.reworded == ("Else",)
        assert found.editions == 0
        assert found

    def test_pinned_moves_to_the_front(self, changed):
        found = changed(lambda issue: issue.items.filter(page__title="For everyone").update(pinned=True))
        assert (found.items.pinned, found.items.reworded, found.items.moved) == (("For everyone",), (), ())
        assert {one.reordered for one in found.changes} == {True}
        assert found.members == 3

    def test_no_longer_pinned(self, issue, changed):
        issue.items.filter(page__title="For schools").update(pinned=True)
        found = changed(lambda issue: issue.items.filter(page__title="For schools").update(pinned=False))
        assert found.items.unpinned == ("For schools",)

    def test_moving_one_item_names_that_one_only(self, changed):
        found = changed(lambda issue: issue.items.filter(page__title="For everyone").update(sort_order=99))
        assert found.items.moved == ("For everyone",)
        assert found.editions == 0  # it came last for all of them before
        assert found

    def test_limit_cuts(self, changed):
        found = changed(lambda issue: NewsletterSettings.objects.update_or_create(defaults={"items_per_edition": 1}))
        assert not found.items
        assert {(one.removed, one.more_before, one.more_now) for one in found.changes} == {(("For everyone",), 0, 1)}

    def test_other_sectors_are_other_readers(self, issue, changed):
        def give(issue):
            one = item(issue, "For health")
            one.sectors.set([factories.sector("schools")])
            one.save()

        found = changed(give)
        assert found.items.reworded == ("For health",)  # its mail says for whom it is
        assert [(one.added, one.removed) for one in found.changes] == [((), ("For health",)), (("For health",), ())]

    def test_nothing_left_is_said(self, changed):
        found = changed(lambda issue: issue.items.update(left_out=True))
        assert {one.items_now for one in found.changes} == {0}

    @pytest.mark.parametrize("field", ["subject", "preheader", "introduction"])
    def test_opening_is_in_every_edition(self, changed, field):
        found = changed(lambda issue: Issue.objects.filter(pk=issue.pk).update(**{field: "Else"}))
        assert found.opening
        assert found
        assert not found.items

    def test_new_choices_of_members_are_no_change_of_the_issue(self, changed):
        def join(issue):
            factories.subscription(sectors=["prisons"])
            assign_audiences()

        found = changed(join)
        assert not found
        assert (found.new_audiences, found.new_members) == (1, 1)

    def test_items_of_earlier_issues_show_where_a_quarterly_edition_changes(self, db):
        factories.subscription(frequency="quarterly")
        old = factories.entry(title="October's")
        factories.sent(factories.issue("2026-10", pages=[old], live=True))
        december = factories.issue("2026-12", pages=[factories.entry(title="December's")])
        before = copy(december)
        old.unpublish()
        found = compare(before, copy(december))
        assert not found.items
        assert [one.removed for one in found.changes] == [("October's",)]

    def test_beyond_the_first_the_rest_is_counted(self, changed, monkeypatch):
        monkeypatch.setattr(differences, "SHOWN", 1)
        found = changed(lambda issue: issue.items.filter(page__title="For everyone").update(headline="Else"))
        assert [one.members for one in found.changes] == [2]
        assert (found.editions, found.rest, found.rest_members) == (2, 1, 1)


LISTS = st.lists(st.integers(1, 9), unique=True, max_size=9)


@given(before=LISTS, now=LISTS)
@settings(max_examples=150, deadline=None, database=None)
def test_lists_differ_exactly_by_what_is_told(before, now):
    """Taking out, adding and moving what is named leads from one order to the other, and no fewer would do."""

    def taken(pages):
        items = [[page, "words", f"Page {page}", False, True] for page in pages]
        return {"items": items, "opening": "", "lists": [[*pages, 0]], "audiences": {"1": 0}}

    found = difference(taken(before), taken(now), {1: 5})
    names = {f"Page {page}": page for page in [*before, *now]}
    added, removed, moved = (
        {names[one] for one in getattr(found.items, field)} for field in ("added", "removed", "moved")
    )
    assert (added, removed) == (set(now) - set(before), set(before) - set(now))
    stayed = [page for page in before if page not in removed | moved]
    assert stayed == [page for page in now if page not in added | moved]
    common = [page for page in now if page in before]
    assert len(stayed) == _longest([before.index(page) for page in common])
    assert bool(found) == (before != now)
    assert found.members == (0 if before == now else 5)


def _longest(ranks):
    """The length of the longest growing part, the slow way."""
    best = []
    for place, rank in enumerate(ranks):
        best.append(1 + max((best[one] for one in range(place) if ranks[one] < rank), default=0))
    return max(best, default=0)


class TestKeep:
    def test_of_what_one_has_seen_the_latest_is_kept(self, issue, readers):
        me, colleague = factories.UserFactory(), factories.UserFactory()
        other = factories.issue("2026-11")
        for of, by, why in [
            (issue, me, "seen"),
            (issue, colleague, "seen"),
            (other, me, "seen"),
            (issue, me, "approved"),
            (issue, me, "approved"),
            (issue, me, "seen"),
        ]:
            last = keep(of, IssueEditions(of), why, by)
        kept = SeenEditions.objects.filter(issue=issue)
        assert kept.get(by=me, why="seen") == last
        assert sorted(kept.values_list("by", "why")) == sorted(
            [(me.pk, "seen"), (colleague.pk, "seen"), (me.pk, "approved"), (me.pk, "approved")]
        )
        assert SeenEditions.objects.filter(issue=other).count() == 1

    def test_what_is_kept_compares(self, issue, readers):
        assign_audiences()
        seen = keep(issue, IssueEditions(issue), "approved", None)
        seen.refresh_from_db()
        assert not compare(seen.editions, copy(issue))
        issue.items.filter(page__title="For everyone").update(left_out=True)
        assert compare(seen.editions, copy(issue)).members == 3

    def test_it_holds_neither_members_nor_summaries(self, issue, readers):
        assign_audiences()
        text = json.dumps(keep(issue, IssueEditions(issue), "seen", None).editions)
        assert "@" not in text
        assert "offers" not in text  # of every summary

    def test_number_of_queries_does_not_grow(self):
        def queries(period, items):
            pages = [
                factories.entry(Kind.values[number % 8], sectors=["health"] if number % 3 else [], regions=["london"])
                for number in range(items)
            ]
            issue = factories.issue(period, pages=pages)
            assign_audiences()
            with CaptureQueriesContext(connection) as captured:
                keep(issue, IssueEditions(issue), "approved", None)
            return len(captured)

        NewsletterSettings.load()
        factories.subscription()
        few = queries("2026-10", 8)
        for number in range(12):
            factories.subscription(sectors=["schools"], kinds=Kind.values[number % 8 :])
        assert queries("2026-11", 32) == few
        assert Audience.objects.count() > 8
