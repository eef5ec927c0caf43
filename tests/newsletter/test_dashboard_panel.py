"""The panel on the admin's home page: where this month's issue stands, and what waits for somebody."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cms.models import Sector
from newsletter.compiling import compile_issue
from newsletter.models import NewsletterSettings
from newsletter.periods import Period
from newsletter.site import APPROVERS_GROUP
from newsletter.waiting import months_before, quiet_sectors, waiting_for_next_issue
from tests import factories

pytestmark = pytest.mark.django_db
LONDON = ZoneInfo("Europe/London")
TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=LONDON), tick=False):
        yield


def person(*groups, **fields):
    user = factories.UserFactory(is_staff=True, **fields)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def home(user):
    client = Client()
    client.force_login(user)
    return client.get("/admin/")


def at(*parts):
    return datetime(*parts, tzinfo=LONDON)


class TestWaiting:
    def test_counts_by_sector_and_for_everyone(self):
        factories.entry(sectors=["health"], published=at(2026, 11, 3))
        factories.entry(sectors=["health", "schools"], published=at(2026, 11, 4))
        factories.entry(published=at(2026, 11, 5))
        factories.entry(published=at(2026, 11, 5), review_due=date(2026, 11, 25))
        carried = factories.entry(sectors=["health"], published=at(2026, 10, 5))
        factories.issue("2026-10", pages=[carried])
        waiting = waiting_for_next_issue(TODAY)
        assert (waiting.month, waiting.total) == (Period(2026, 11), 3)
        health, schools = (Sector.objects.get(slug=slug).name for slug in ("health", "schools"))
        found = {bar.label: (bar.count, bar.share) for bar in waiting.bars if bar.count}
        assert found == {health: (2, 100), schools: (1, 50), "Everyone": (1, 50)}

    def test_nothing_waiting_is_no_error(self):
        waiting = waiting_for_next_issue(TODAY)
        assert waiting.total == 0
        assert {bar.count for bar in waiting.bars} == {0}


class TestQuiet:
    def names(self, months=3):
        return [one.label for one in quiet_sectors(months, TODAY)]

    def test_sector_is_quiet_from_the_day_after(self):
        health = Sector.objects.get(slug="health").name
        page = factories.entry(sectors=["health"], published=at(2026, 8, 20))
        assert health not in self.names()
        page.first_published_at = at(2026, 8, 19)
        page.save()
        assert health in self.names()
        assert {one.label: one.last for one in quiet_sectors(3, TODAY)}[health] == date(2026, 8, 19)

    def test_what_is_for_everyone_unpublished_or_announced_for_later_is_nothing_of_its_own(self):
        everybody = len(self.names())
        factories.entry(published=at(2026, 11, 1))
        factories.entry(sectors=["health"], live=False)
        factories.entry(sectors=["schools"], published=at(2026, 1, 1), significant_update_on=TODAY + timedelta(days=3))
        assert len(self.names()) == everybody

    def test_update_counts(self):
        factories.entry(sectors=["health"], published=at(2026, 1, 1), significant_update_on=date(2026, 11, 1))
        assert Sector.objects.get(slug="health").name not in self.names()

    @pytest.mark.parametrize(
        ("day", "months", "expected"),
        [
            (date(2026, 5, 31), 3, date(2026, 2, 28)),
            (date(2026, 1, 15), 1, date(2025, 12, 15)),
            (date(2026, 12, 31), 24, date(2024, 12, 31)),
        ],
    )
    def test_months_are_counted_by_the_calendar(self, day, months, expected):
        assert months_before(day, months) == expected


class TestPanel:
    def test_approvers_see_the_issue_and_not_the_care_of_entries(self):
        factories.entry()
        compile_issue(Period(2026, 10))
        text = home(person(APPROVERS_GROUP)).content.decode()
        assert "This month’s issue" in text
        assert "Draft" in text
        assert "due for review" not in text

    def test_says_when_the_next_one_is_compiled(self):
        factories.entry(published=at(2026, 10, 5))
        compile_issue(Period(2026, 10))
        assert "It is compiled by itself on Tuesday 1 December 2026" in home(person(APPROVERS_GROUP)).content.decode()

    def test_quiet_sectors_are_those_of_the_settings(self):
        NewsletterSettings.objects.update_or_create(defaults={"quiet_months": 5})
        text = home(person(APPROVERS_GROUP)).content.decode()
        assert "Sectors with nothing of their own for 5 months" in text

    def test_others_do_not_see_it(self):
        assert "This month’s issue" not in home(person("Helpline adviser")).content.decode()

    def test_administrators_see_all_of_it(self):
        factories.entry(review_due=date(2026, 11, 1))
        text = home(person(is_superuser=True)).content.decode()
        assert "This month’s issue" in text
        assert "entry is due for review" in text

    def test_number_of_queries_does_not_grow(self):
        admin = person(is_superuser=True)

        def queries(number):
            for _ in range(number):
                factories.entry(sectors=["health"], published=at(2026, 11, 5))
                factories.entry(review_due=date(2026, 11, 1))
            home(admin)
            with CaptureQueriesContext(connection) as captured:
                home(admin)
            return len(captured)

        factories.issue("2026-10", pages=[factories.entry()])
        assert queries(2) == queries(12)
