"""Compiling by interest: off it changes nothing, on it follows what was measured, and never touches editors' work."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cms.models import Kind
from newsletter.compiling import compile_issue, gather
from newsletter.models import Issue, NewsletterSettings, Total
from newsletter.periods import Period
from newsletter.site import APPROVERS_GROUP
from tests import factories

LONDON = ZoneInfo("Europe/London")
OCTOBER = Period(2026, 10)
USUAL = ["Resource", "Research", "Service", "Training", "Training 2"]


@pytest.fixture(autouse=True)
def november(db):
    with time_machine.travel(datetime(2026, 11, 2, 9, tzinfo=LONDON), tick=False):
        yield


@pytest.fixture
def on():
    NewsletterSettings.objects.update_or_create(defaults={"order_by_interest": True})


@pytest.fixture
def entries():
    """One of each of four kinds for health, and a second training, which is for schools."""
    for day, (kind, title, sector) in enumerate(
        [
            (Kind.TRAINING, "Training 2", "schools"),
            (Kind.TRAINING, "Training", "health"),
            (Kind.SERVICE, "Service", "health"),
            (Kind.RESEARCH, "Research", "health"),
            (Kind.RESOURCE, "Resource", "health"),
        ],
        start=10,
    ):
        factories.entry(kind, title=title, sectors=[sector], published=datetime(2026, 10, day, 9, tzinfo=LONDON))


def measured(period: str, **cells: tuple[int, int]) -> None:
    """Totals of an earlier issue: people who followed and who agreed, by `sector__kind`, or by kind for everybody."""
    issue = Issue.objects.filter(period=period).first() or factories.issue(period)
    Total.objects.get_or_create(issue=issue, dimension=Total.Dimension.ISSUE, key="")
    for name, (followed, agreed) in cells.items():
        sector, _, kind = name.rpartition("__")
        dimension = Total.Dimension.SECTOR_KIND if sector else Total.Dimension.KIND
        key = f"{sector}/{kind}" if sector else kind
        Total.objects.create(
            issue=issue,
            dimension=dimension,
            key=key,
            clickers_human=followed,
            clickers_machine=500,
            agreed_clicks=agreed,
        )


def order() -> list[str]:
    """The titles of the draft, compiled now."""
    issue = Issue.objects.get(pk=compile_issue(OCTOBER).issue.pk)
    return [item.page.title for item in issue.get_latest_revision_as_object().items.all()]


def test_off_the_order_is_the_usual_one_and_nothing_is_explained(entries):
    measured("2026-09", health__training=(90, 100), health__resource=(10, 100))
    assert gather(OCTOBER).why == {}
    assert order() == USUAL


@pytest.mark.usefixtures("on")
class TestOn:
    def test_what_was_followed_most_comes_first_and_the_kinds_still_take_turns(self, entries):
        measured("2026-09", health__training=(40, 100), health__service=(60, 100), health__resource=(20, 100))
        measured("2026-08", schools__training=(90, 100))
        found = gather(OCTOBER)
        assert [page.title for page in found.taken] == ["Training 2", "Service", "Research", "Resource", "Training"]
        why = {page.title: found.why[page.pk] for page in found.taken}
        assert why == {
            "Training 2": "90% of readers in Schools followed this kind",
            "Training": "40% of readers in Health followed this kind",
            "Service": "60% of readers in Health followed this kind",
            "Resource": "20% of readers in Health followed this kind",
            "Research": "Nothing measured yet: in the middle",
        }
        assert order() == [page.title for page in found.taken]

    def test_without_anything_measured_the_order_is_the_usual_one(self, entries):
        assert gather(OCTOBER).why == {}
        assert order() == USUAL

    def test_what_is_of_the_same_interest_stays_as_usual(self, entries):
        kinds = ("training", "service", "resource", "research")
        measured("2026-09", **{f"health__{kind}": (301 + place, 1000) for place, kind in enumerate(kinds)})
        measured("2026-08", schools__training=(30, 100))
        assert order() == USUAL

    def test_fewer_than_ten_people_tell_nothing(self, entries):
        measured("2026-09", health__training=(9, 9), health__service=(9, 100), health__resource=(30, 100))
        found = gather(OCTOBER)
        why = {page.title: found.why[page.pk] for page in found.taken}
        assert why["Training"] == "Nothing measured yet: in the middle"
        assert why["Service"] == "Seldom followed by readers in Health"
        assert "9" not in "".join(why.values())

    def test_machines_do_not_count(self, entries):
        measured("2026-09", health__training=(0, 100), health__service=(20, 100))
        assert order()[0] == "Service"

    def test_only_the_last_six_issues_count(self, entries):
        for month in range(4, 10):
            measured(f"2026-{month:02}", health__service=(50, 100), health__resource=(10, 100))
        measured("2026-03", health__training=(100, 100))
        measured("2026-11", health__training=(100, 100))
        assert order()[0] == "Service"

    def test_several_sectors_are_taken_together_and_no_sector_is_everybody(self):
        both = factories.entry(Kind.SERVICE, title="Both", sectors=["health", "schools"])
        everybody = factories.entry(Kind.TRAINING, title="Everybody")
        measured("2026-09", health__service=(10, 100), schools__service=(50, 100), training=(40, 100))
        why = gather(OCTOBER).why
        assert why[both.pk] == "30% of readers in Health and Schools followed this kind"
        assert why[everybody.pk] == "40% of all readers followed this kind"

    def test_compiling_again_leaves_the_editors_order_alone(self, entries):
        issue = compile_issue(OCTOBER).issue
        draft = issue.get_latest_revision_as_object()
        mine = list(draft.items.all())[::-1]
        for place, item in enumerate(mine):
            item.sort_order = place
        draft.items.set(mine)
        draft.save_revision()
        measured("2026-09", health__training=(40, 100), health__service=(60, 100))
        for kind in (Kind.RESOURCE, Kind.SERVICE):
            factories.entry(kind, title=f"New {kind.value}", sectors=["health"])
        assert order() == [*USUAL[::-1], "New service", "New resource"]

    def test_it_costs_the_same_however_much_there_is(self):
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                gather(OCTOBER)
            return len(queries)

        measured("2026-09", health__service=(50, 100))
        factories.entry(Kind.SERVICE, sectors=["health"])
        few = cost()
        for _ in range(8):
            factories.entry(Kind.TRAINING, sectors=["health", "schools"])
        measured("2026-08", health__training=(50, 100), schools__training=(50, 100))
        assert cost() == few

    def test_the_page_says_why(self, entries):
        measured("2026-09", health__service=(60, 100))
        editor = factories.UserFactory(is_staff=True)
        editor.groups.add(Group.objects.get(name=APPROVERS_GROUP))
        client = Client()
        client.force_login(editor)
        text = client.get(reverse("newsletter_compile"), {"month": "2026-10"}).content.decode()
        assert "Why here" in text
        assert "60% of readers in Health followed this kind" in text
