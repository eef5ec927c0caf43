"""Compiling: everything published is announced once, in the issue of its month, and editors' work is left alone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.models import Kind
from newsletter.compiling import Compiled, IssueError, compile_issue
from newsletter.models import Issue, Item, NewsletterSettings
from newsletter.periods import Period
from tests import factories

LONDON = ZoneInfo("Europe/London")
OCTOBER, NOVEMBER, DECEMBER = Period(2026, 10), Period(2026, 11), Period(2026, 12)


@pytest.fixture(autouse=True)
def first_of_november(db):
    with time_machine.travel(datetime(2026, 11, 1, 9, tzinfo=LONDON), tick=False):
        yield


def london(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=LONDON)


def draft(issue: Issue) -> Issue:
    return Issue.objects.get(pk=issue.pk).get_latest_revision_as_object()


def titles(compiled: Compiled | Issue) -> list[str]:
    """The headlines of the latest draft, in its order."""
    issue = compiled.issue if isinstance(compiled, Compiled) else compiled
    return [item.page.title for item in draft(issue).items.all()] if issue else []


def compile_at(moment: datetime, period: Period) -> Compiled:
    with time_machine.travel(moment, tick=False):
        return compile_issue(period)


class TestMonth:
    def test_ends_at_midnight_in_london(self):
        factories.entry(title="Last minute", published=london(2026, 10, 31, 23, 59, 59))
        factories.entry(title="Next month", published=london(2026, 11, 1, 0, 0))
        assert titles(compile_issue(OCTOBER)) == ["Last minute"]
        assert titles(compile_at(london(2026, 12, 1, 9), NOVEMBER)) == ["Next month"]

    def test_ends_at_midnight_in_summer_too(self):
        """On 31 March London is an hour ahead of UTC: 22:30 UTC is 23:30 there, and 23:30 UTC is April."""
        factories.entry(title="March", published=datetime(2026, 3, 31, 22, 30, tzinfo=UTC))
        factories.entry(title="April", published=datetime(2026, 3, 31, 23, 30, tzinfo=UTC))
        assert titles(compile_at(london(2026, 4, 1, 9), Period(2026, 3))) == ["March"]
        assert titles(compile_at(london(2026, 5, 1, 9), Period(2026, 4))) == ["April"]

    def test_year_ends_like_any_month(self):
        factories.entry(title="Old year", published=london(2026, 12, 31, 23, 59))
        factories.entry(title="New year", published=london(2027, 1, 1, 0, 0))
        assert titles(compile_at(london(2027, 1, 1, 9), DECEMBER)) == ["Old year"]
        assert titles(compile_at(london(2027, 2, 1, 9), Period(2027, 1))) == ["New year"]

    def test_that_has_not_begun_is_refused(self):
        with pytest.raises(IssueError, match="has not begun"):
            compile_issue(DECEMBER)

    def test_in_which_nothing_was_published_makes_no_issue(self):
        compiled = compile_issue(OCTOBER)
        assert compiled == Compiled("2026-10", None, 0, [])
        assert Issue.objects.count() == 0

    def test_makes_one_draft(self):
        factories.entry()
        compiled = compile_issue(OCTOBER)
        assert (compiled.period, compiled.added) == ("2026-10", 1)
        assert Issue.objects.get().live is False
        assert compiled.issue.get_parent().slug == "e-news"


class TestAcrossIssues:
    def test_nothing_is_repeated(self):
        factories.entry(title="October", published=london(2026, 10, 5))
        compile_issue(OCTOBER)
        factories.entry(title="November", published=london(2026, 11, 5))
        assert titles(compile_at(london(2026, 12, 1), NOVEMBER)) == ["November"]
        assert compile_at(london(2027, 1, 1), DECEMBER).issue is None

    def test_late_entries_go_into_the_next_issue(self):
        factories.entry(title="In time", published=london(2026, 10, 5))
        issue = compile_issue(OCTOBER).issue
        draft(issue).latest_revision.publish()
        factories.entry(title="Late", published=london(2026, 10, 31))
        assert titles(compile_at(london(2026, 12, 1), NOVEMBER)) == ["Late"]

    def test_significant_update_is_announced_once_more(self):
        page = factories.entry(title="Guide", published=london(2026, 10, 5))
        compile_issue(OCTOBER)
        page.significant_update_on = date(2026, 11, 20)
        page.save()
        assert titles(compile_at(london(2026, 12, 1), NOVEMBER)) == ["Guide"]
        assert compile_at(london(2027, 1, 1), DECEMBER).issue is None
        assert Item.objects.filter(page=page).count() == 2

    def test_update_of_a_later_month_waits_for_it(self):
        factories.entry(title="Guide", published=london(2026, 10, 5), significant_update_on=date(2026, 11, 2))
        assert compile_issue(OCTOBER).issue is None
        assert titles(compile_at(london(2026, 12, 1), NOVEMBER)) == ["Guide"]

    def test_taking_an_announcement_back_announces_nothing(self):
        page = factories.entry(published=london(2026, 10, 5), significant_update_on=date(2026, 10, 20))
        assert compile_issue(OCTOBER).added == 1
        page.significant_update_on = None
        page.save()
        assert compile_at(london(2026, 12, 1), NOVEMBER).issue is None

    def test_earlier_months_need_not_have_had_an_issue(self):
        factories.entry(title="September", published=london(2026, 9, 5))
        factories.entry(title="October", published=london(2026, 10, 5))
        assert titles(compile_issue(OCTOBER)) == ["October", "September"]

    def test_what_was_announced_before_the_first_issue_stays_out(self):
        NewsletterSettings.objects.update_or_create(defaults={"announce_since": date(2026, 10, 1)})
        factories.entry(title="Directory", published=london(2026, 9, 30, 23, 59))
        factories.entry(title="New", published=london(2026, 10, 1, 0, 0))
        factories.entry(title="Updated", published=london(2026, 1, 1), significant_update_on=date(2026, 10, 3))
        assert titles(compile_issue(OCTOBER)) == ["Updated", "New"]


class TestLeftOut:
    def reasons(self, compiled: Compiled) -> dict[str, str]:
        return {one.title: one.reason for one in compiled.left_out}

    def test_past_closed_and_overdue_with_the_reason(self):
        event, funding = Kind.EVENT, Kind.FUNDING
        factories.entry(event, title="Past", starts_at=london(2026, 10, 31, 18))
        factories.entry(event, title="Today", starts_at=london(2026, 11, 1, 8))
        factories.entry(event, title="Still on", starts_at=london(2026, 10, 30, 8), ends_at=london(2026, 11, 2, 8))
        factories.entry(funding, title="Closed", deadline=date(2026, 10, 31))
        factories.entry(funding, title="Last day", deadline=date(2026, 11, 1))
        factories.entry(funding, title="All year", deadline=None)
        factories.entry(title="Overdue", review_due=date(2026, 10, 31))
        factories.entry(title="Due today", review_due=date(2026, 11, 1))
        compiled = compile_issue(OCTOBER)
        assert self.reasons(compiled) == {"Past": "past", "Closed": "closed", "Overdue": "overdue for review"}
        assert sorted(titles(compiled)) == ["All year", "Due today", "Last day", "Still on", "Today"]
        assert compiled.added == 5

    def test_late_compile_judges_by_its_own_day(self):
        factories.entry(Kind.FUNDING, title="Closes soon", deadline=date(2026, 11, 10))
        assert self.reasons(compile_at(london(2026, 11, 11), OCTOBER)) == {"Closes soon": "closed"}

    def test_early_compile_judges_by_the_day_it_will_be_read(self):
        factories.entry(Kind.EVENT, title="Before", starts_at=london(2026, 10, 28, 9))
        assert self.reasons(compile_at(london(2026, 10, 20), OCTOBER)) == {"Before": "past"}

    def test_month_of_nothing_but_past_events_makes_no_issue(self):
        factories.entry(Kind.EVENT, title="Past", starts_at=london(2026, 10, 31, 18))
        compiled = compile_issue(OCTOBER)
        assert compiled.issue is None
        assert self.reasons(compiled) == {"Past": "past"}

    def test_what_becomes_current_again_is_announced_after_all(self):
        page = factories.entry(title="Overdue", review_due=date(2026, 10, 31))
        compile_issue(OCTOBER)
        page.review_due = date(2027, 6, 1)
        page.save()
        assert titles(compile_at(london(2026, 12, 1), NOVEMBER)) == ["Overdue"]

    def test_drafts_and_unpublished_are_not_taken(self):
        factories.entry(title="Draft", live=False)
        factories.entry(title="Taken back").unpublish()
        compiled = compile_issue(OCTOBER)
        assert (compiled.issue, compiled.left_out) == (None, [])


class TestAgain:
    def test_changes_nothing_when_nothing_is_new(self):
        factories.entry(title="One")
        issue = compile_issue(OCTOBER).issue
        before = draft(issue).latest_revision.content
        again = compile_issue(OCTOBER)
        assert (again.added, again.issue) == (0, issue)
        assert titles(issue) == ["One"]
        items = [item["pk"] for item in draft(issue).latest_revision.content["items"]]
        assert items == [item["pk"] for item in before["items"]]

    def test_adds_newcomers_at_the_end_and_leaves_the_editors_work_alone(self):
        for name in ("One", "Two", "Three", "Four"):
            factories.entry(title=name, published=london(2026, 10, 10) - timedelta(days=len(name)))
        issue = compile_issue(OCTOBER).issue
        edited = draft(issue)
        edited.subject, edited.introduction = "Written by hand", "<p>Dear all</p>"
        by_title = {item.page.title: item for item in edited.items.all()}
        by_title["Two"].headline, by_title["Two"].pinned = "Second", True
        by_title["One"].left_out = True
        order = [by_title["Four"], by_title["Two"], by_title["One"]]  # “Three” is removed
        for place, item in enumerate(order):
            item.sort_order = place
        edited.items.set(order)
        edited.save_revision()
        factories.entry(title="Five")

        assert compile_issue(OCTOBER).added == 1
        after = draft(issue)
        assert (after.subject, after.introduction) == ("Written by hand", "<p>Dear all</p>")
        assert titles(issue) == ["Four", "Two", "One", "Five"]
        four, two, one, five = after.items.all()
        assert (two.headline, two.pinned, one.left_out) == ("Second", True, True)
        assert (four.headline, four.pinned, five.left_out) == ("", False, False)
        assert compile_issue(OCTOBER).added == 0
        assert titles(issue) == ["Four", "Two", "One", "Five"]

    def test_published_issue_holds_what_the_draft_held(self):
        for name in ("One", "Two"):
            factories.entry(title=name)
        issue = compile_issue(OCTOBER).issue
        edited = draft(issue)
        edited.items.set([item for item in edited.items.all() if item.page.title == "Two"])
        edited.save_revision()
        factories.entry(title="Three")
        compile_issue(OCTOBER)
        draft(issue).latest_revision.publish()
        live = Issue.objects.get(pk=issue.pk)
        assert [item.page.title for item in live.items.all()] == ["Two", "Three"]

    def test_entry_the_approved_issue_went_without_may_come_next_month(self):
        """Removing puts off; “leave out” means never (ADR 9)."""
        for name in ("Put off", "Never", "Carried"):
            factories.entry(title=name)
        edited = draft(compile_issue(OCTOBER).issue)
        items = {item.page.title: item for item in edited.items.all()}
        items["Never"].left_out = True
        edited.items.set([items["Never"], items["Carried"]])
        edited.save_revision().publish()
        assert titles(compile_at(london(2026, 12, 1), NOVEMBER)) == ["Put off"]

    def test_approved_issue_refuses(self):
        factories.entry()
        issue = compile_issue(OCTOBER).issue
        draft(issue).latest_revision.publish()
        factories.entry(title="More")
        with pytest.raises(IssueError, match="approved already"):
            compile_issue(OCTOBER)

    def test_issue_whose_mail_is_fixed_takes_nothing_more(self):
        """It could be unpublished, but nobody would ever be mailed what is put into it now."""
        factories.entry()
        issue = compile_issue(OCTOBER).issue
        factories.sent(issue)
        factories.entry(title="Late", published=london(2026, 10, 31))
        with pytest.raises(IssueError):
            compile_issue(OCTOBER)
        assert titles(compile_at(london(2026, 12, 1), NOVEMBER)) == ["Late"]


def test_kinds_are_dealt_out_in_turn():
    event, service = Kind.EVENT, Kind.SERVICE
    for day, name in enumerate(("Old", "Middle", "New"), start=1):
        factories.entry(title=f"{name} resource", published=london(2026, 10, day))
    factories.entry(event, title="Late event", starts_at=london(2026, 12, 20, 9), published=london(2026, 10, 9))
    factories.entry(event, title="Soon event", starts_at=london(2026, 11, 20, 9), published=london(2026, 10, 1))
    factories.entry(service, title="A service")
    assert titles(compile_issue(OCTOBER)) == [
        "New resource",
        "A service",
        "Soon event",
        "Middle resource",
        "Late event",
        "Old resource",
    ]


def test_number_of_queries_does_not_grow_with_the_entries():
    def queries(period: Period, moment: datetime, count: int) -> int:
        for number in range(count):
            kind = Kind.values[number % 8]
            own = {"starts_at": moment + timedelta(days=9)} if kind == Kind.EVENT else {}
            factories.entry(kind, published=moment - timedelta(days=3), **own)
        with time_machine.travel(moment, tick=False), CaptureQueriesContext(connection) as captured:
            assert compile_issue(period).added == count
        return len(captured)

    queries(OCTOBER, london(2026, 11, 1), 8)  # settings and content types are loaded once
    few = queries(NOVEMBER, london(2026, 12, 1), 8)
    assert queries(DECEMBER, london(2027, 1, 1), 48) == few
