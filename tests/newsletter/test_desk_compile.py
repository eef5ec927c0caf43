"""Compiling from the desk: what would be taken and left out is shown first, the button does it, editors' work stays."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import PageLogEntry, Revision

from newsletter.approving import had_a_hand_in
from newsletter.compiling import compile_issue, gather, missing_items, put_back
from newsletter.models import ENewsPage, Issue, Item
from newsletter.periods import Period
from newsletter.site import APPROVERS_GROUP
from tests import factories

pytestmark = pytest.mark.django_db
LONDON = ZoneInfo("Europe/London")
OCTOBER = Period(2026, 10)


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(datetime(2026, 11, 2, 9, tzinfo=LONDON), tick=False):
        yield


@pytest.fixture
def editor():
    user = factories.UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return user


@pytest.fixture
def desk(editor):
    client = Client()
    client.force_login(editor)
    return client


def page(desk, **query):
    response = desk.get(reverse("newsletter_compile"), query)
    assert response.status_code == 200
    return response


def press(desk, month="2026-10"):
    return desk.post(reverse("newsletter_compile"), {"month": month}, follow=True)


def reasons(left_out):
    return {one.title: one.reason for one in left_out}


def test_last_month_is_looked_at_first_and_nothing_is_changed_by_looking(desk):
    factories.entry(title="A guide for schools")
    response = page(desk)
    assert response.context["period"] == OCTOBER
    assert "A guide for schools" in response.content.decode()
    assert not Issue.objects.exists()
    assert not Item.objects.exists()


def test_pressing_makes_the_draft_and_says_what_was_done(desk):
    factories.entry(title="Taken")
    factories.entry(title="Old advice", review_due=date(2026, 10, 20))
    text = press(desk).content.decode()
    assert "1</strong> item was made" in " ".join(text.split())
    assert "Overdue for review: 1" in text
    assert "Old advice" in text
    assert Issue.objects.get().items.count() == 1


def test_what_is_shown_before_is_what_is_done_after(desk):
    for kind in ("resource", "event", "funding", "resource"):
        factories.entry(kind)
    shown = [entry.title for entry, *_ in page(desk).context["taken"]]
    press(desk)
    draft = Issue.objects.get().get_latest_revision_as_object()
    assert [item.page.title for item in draft.items.all()] == shown


def test_every_reason_for_leaving_out_is_given():
    factories.entry("event", title="Past", starts_at=datetime(2026, 10, 20, 9, tzinfo=LONDON))
    factories.entry("funding", title="Closed", deadline=date(2026, 10, 25))
    factories.entry(title="Stale", review_due=date(2026, 10, 25))
    early = factories.entry(title="Carried early")
    never = factories.entry(title="Never")
    september = factories.issue("2026-09", pages=[early, never])
    Item.objects.filter(issue=september, page=never).update(left_out=True)
    for name in ("Kept", "Unwanted", "Removed"):
        factories.entry(title=name)
    draft = compile_issue(OCTOBER).issue.get_latest_revision_as_object()
    items = {item.page.title: item for item in draft.items.all()}
    items["Unwanted"].left_out = True
    draft.items.set([items["Kept"], items["Unwanted"]])
    draft.save_revision()
    assert reasons(gather(OCTOBER).left_out) == {
        "Past": "past",
        "Closed": "closed",
        "Stale": "overdue for review",
        "Carried early": "already carried in September 2026",
        "Never": "left out by hand in September 2026",
        "Unwanted": "left out by hand",
        "Removed": "taken out of the draft by hand",
    }


def test_again_adds_newcomers_and_keeps_what_was_edited(desk):
    factories.entry(title="First")
    press(desk)
    draft = Issue.objects.get().get_latest_revision_as_object()
    draft.subject = "Written by hand"
    draft.save_revision()
    factories.entry(title="Second")
    assert "Add what is new" in page(desk).content.decode()
    press(desk)
    draft = Issue.objects.get().get_latest_revision_as_object()
    assert draft.subject == "Written by hand"
    assert [item.page.title for item in draft.items.all()] == ["First", "Second"]


def test_who_pressed_is_logged_and_may_still_approve(desk, editor):
    factories.entry()
    press(desk)
    issue = Issue.objects.get()
    entry = PageLogEntry.objects.get(page=issue.pk, action="newsletter.compile")
    assert (entry.user, entry.data["added"]) == (editor, 1)
    assert not Revision.page_revisions.filter(object_id=str(issue.pk)).exclude(user=None).exists()
    assert not had_a_hand_in(issue, editor)


@pytest.mark.parametrize("month", ["2026-12", "2027-01"])
def test_month_that_has_not_begun_is_refused_in_a_sentence(desk, month):
    assert "has not begun" in press(desk, month).content.decode()
    assert not Issue.objects.exists()


def test_nonsense_for_a_month_is_refused_in_a_sentence(desk):
    assert "is not a month" in press(desk, "soon").content.decode()
    assert "is not a month" in desk.get(reverse("newsletter_compile"), {"month": "x"}, follow=True).content.decode()


def test_approved_issue_says_why_and_shows_no_button(desk, issue):
    text = page(desk, month="2026-10").content.decode()
    assert "approved already" in text
    assert "Add what is new" not in text
    assert "approved already" in press(desk).content.decode()


def test_months_up_to_the_running_one_can_be_chosen(desk):
    months = [str(month) for month in page(desk).context["months"]]
    assert months[:2] == ["2026-11", "2026-10"]
    assert len(months) == 12


def test_running_month_can_be_compiled_early(desk):
    factories.entry(published=datetime(2026, 11, 1, 9, tzinfo=LONDON))
    press(desk, "2026-11")
    assert Issue.objects.get().period == "2026-11"


@pytest.mark.parametrize("groups", [[], ["Membership officer"]])
def test_only_those_who_shape_issues(groups):
    user = factories.UserFactory(is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(user)
    for response in (client.get(reverse("newsletter_compile")), client.post(reverse("newsletter_compile"))):
        assert response.status_code in {302, 403}
    assert not Issue.objects.exists()


def test_whoever_may_publish_but_not_change_may_not(editor, desk):
    archive = ENewsPage.objects.get()
    archive.group_permissions.filter(permission__codename="change_page").delete()
    assert desk.get(reverse("newsletter_compile")).status_code in {302, 403}


def test_lost_items_are_put_back_once_as_the_person_who_did_it(editor):
    for name in ("Kept", "Lost"):
        factories.entry(title=name, sectors=["health"])
    issue = compile_issue(OCTOBER).issue
    draft = issue.get_latest_revision_as_object()
    draft.items.set([item for item in draft.items.all() if item.page.title == "Kept"])
    draft.save_revision()
    issue = Issue.objects.get()
    assert [item.page.title for item in missing_items(issue)] == ["Lost"]
    assert put_back(issue, by=editor) == 1
    issue = Issue.objects.get()
    assert [item.page.title for item in issue.get_latest_revision_as_object().items.all()] == ["Kept", "Lost"]
    assert had_a_hand_in(issue, editor)
    assert put_back(issue, by=editor) == 0
    issue.latest_revision.publish()
    assert Issue.objects.get().items.count() == 2


def test_number_of_queries_does_not_grow(desk):
    def queries(number):
        for _ in range(number):
            factories.entry()
            factories.entry(review_due=date(2026, 10, 25))
        with CaptureQueriesContext(connection) as captured:
            page(desk)
        return len(captured)

    compile_issue(OCTOBER)
    queries(1)
    assert queries(2) == queries(20)


def test_number_of_queries_of_a_second_look_does_not_grow(desk):
    def queries(number):
        for _ in range(number):
            factories.entry()
        press(desk)
        with CaptureQueriesContext(connection) as captured:
            page(desk)
        return len(captured)

    queries(1)
    assert queries(2) == queries(20)
