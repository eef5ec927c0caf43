"""The desk's menu, the list of issues and an issue's overview: where it stands, what comes next, what has changed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from newsletter.approving import approve
from newsletter.compiling import compile_issue
from newsletter.desk.menu import e_news_menu
from newsletter.models import Issue, Item, Mailing, Schedule
from newsletter.periods import Period
from newsletter.scheduling import schedule
from newsletter.site import APPROVERS_GROUP
from tests import factories
from tests.newsletter.fakes import open_mailing

pytestmark = pytest.mark.django_db
LONDON = ZoneInfo("Europe/London")


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(datetime(2026, 11, 2, 9, tzinfo=LONDON), tick=False):
        yield


def person(*groups, **fields):
    user = factories.UserFactory(is_staff=True, **fields)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


@pytest.fixture
def approver():
    return person(APPROVERS_GROUP, email="approver@example.org")


@pytest.fixture
def desk(approver):
    return log_in(approver)


@pytest.fixture
def compiled():
    for name in ("One", "Two", "Three"):
        factories.entry(title=name)
    return Issue.objects.get(pk=compile_issue(Period(2026, 10)).issue.pk)


def log_in(user):
    client = Client()
    client.force_login(user)
    return client


def look(client, issue):
    response = client.get(reverse("newsletter_issue", args=[issue.pk]))
    assert response.status_code == 200
    return response


def edit(issue, by):
    draft = Issue.objects.get(pk=issue.pk).get_latest_revision_as_object()
    draft.subject = "Edited"
    draft.save_revision(user=by)
    return Issue.objects.get(pk=issue.pk)


def words(client):
    rows = client.get(reverse("newsletter_issues")).context["rows"]
    return {issue.period: standing.word for issue, standing, _, _ in rows}


class TestMenu:
    def labels(self, user):
        request = RequestFactory().get("/admin/")
        request.user = user
        return [item.label for item in e_news_menu().menu.menu_items_for_request(request)]

    def test_superusers_see_all_of_it(self):
        labels = self.labels(person(is_superuser=True))
        assert {"Issues", "Compile", "E-news settings"} <= set(labels)

    def test_approvers_see_issues_but_no_settings(self, approver):
        labels = self.labels(approver)
        assert {"Issues", "Compile"} <= set(labels)
        assert not {"E-news settings", "Suppressions"} & set(labels)

    def test_others_see_none_of_it(self):
        user = person()
        request = RequestFactory().get("/admin/")
        request.user = user
        assert self.labels(user) == []
        assert not e_news_menu().is_shown(request)


class TestList:
    def test_no_issue_yet_offers_to_compile(self, desk):
        text = desk.get(reverse("newsletter_issues")).content.decode()
        assert "There is no issue yet" in text
        assert reverse("newsletter_compile") in text

    def test_state_in_a_word(self, desk, approver):
        factories.issue("2026-05")
        factories.issue("2026-06", live=True)
        Schedule.objects.create(issue=factories.issue("2026-07", live=True), send_at=timezone.now())
        missed = factories.issue("2026-08", live=True)
        Schedule.objects.create(issue=missed, send_at=timezone.now(), missed_at=timezone.now())
        factories.sent(factories.issue("2026-09", live=True))
        Mailing.objects.create(issue=factories.issue("2026-10", live=True), state=Mailing.State.PAUSED)
        asked = factories.issue("2026-04")
        asked.save_revision()
        asked.get_workflow().start(asked, approver)
        assert words(desk) == {
            "2026-10": "Paused",
            "2026-09": "Sent",
            "2026-08": "Moment missed",
            "2026-07": "Scheduled",
            "2026-06": "Approved, no date",
            "2026-05": "Draft",
            "2026-04": "Waiting for approval",
        }

    def test_counts_of_what_is_being_sent(self, desk):
        issue = open_mailing([factories.subscription(), factories.subscription()])
        issue.deliveries.filter(pk=issue.deliveries.first().pk).update(state="sent")
        assert "1 of 2" in desk.get(reverse("newsletter_issues")).content.decode()

    def test_corrections_stand_beneath_their_issue(self, desk):
        october = factories.issue("2026-10", pages=[factories.entry()], live=True)
        factories.issue("2026-10-c1", corrects=Item.objects.get(issue=october))
        rows = desk.get(reverse("newsletter_issues")).context["rows"]
        assert [(row[0].period, [one[0].period for one in row[3]]) for row in rows] == [("2026-10", ["2026-10-c1"])]

    def test_two_years_of_it(self, desk):
        for month in range(30):
            factories.issue(f"{2024 + month // 12}-{month % 12 + 1:02d}")
        rows = desk.get(reverse("newsletter_issues")).context["rows"]
        assert (len(rows), rows[0][0].period) == (24, "2026-06")

    def test_subject_is_that_of_the_latest_draft(self, desk, compiled, approver):
        edit(compiled, approver)
        assert "<td>Edited</td>" in desk.get(reverse("newsletter_issues")).content.decode()

    def test_number_of_queries_does_not_grow(self, desk):
        def queries(months):
            for month in months:
                issue = factories.issue(f"2025-{month:02d}", pages=[factories.entry()], live=month % 2 == 0)
                if month % 4 == 0:
                    factories.sent(issue)
                factories.issue(f"2025-{month:02d}-c1", corrects=Item.objects.get(issue=issue))
            with CaptureQueriesContext(connection) as captured:
                desk.get(reverse("newsletter_issues"))
            return len(captured)

        queries([4])
        assert queries([1, 2]) == queries([3, 5, 6, 7, 8, 9, 10, 11, 12])


class TestNextStep:
    def act(self, client, issue):
        act = look(client, issue).context["act"]
        return act.label, act.url

    def test_who_shaped_it_asks_a_colleague(self, compiled, approver, desk):
        issue = edit(compiled, approver)
        label, url = self.act(desk, issue)
        assert label == "Ask for approval"
        assert desk.post(url).status_code == 302
        assert Issue.objects.get(pk=issue.pk).workflow_in_progress
        assert self.act(desk, issue)[0] == "See it as a reader"

    def test_a_colleague_looks_and_approves(self, compiled, approver, desk):
        issue = edit(compiled, person(APPROVERS_GROUP))
        assert self.act(desk, issue) == ("Look and approve", reverse("newsletter_approve", args=[issue.pk]))

    def test_approved_waits_for_a_moment(self, issue, desk):
        assert self.act(desk, issue) == ("Choose when it is sent", reverse("newsletter_approve", args=[issue.pk]))

    def test_scheduled_needs_nothing(self, issue, desk, approver):
        schedule(issue, timezone.now() + timedelta(days=2), by=approver)
        assert "Nothing to do" in look(desk, issue).context["act"].sentence

    def test_missed_moment_needs_a_new_one(self, issue, desk):
        Schedule.objects.create(issue=issue, send_at=timezone.now(), missed_at=timezone.now())
        assert self.act(desk, issue)[0] == "Choose a new moment"

    def test_trouble_is_said(self, issue, desk):
        Schedule.objects.create(issue=issue, send_at=timezone.now(), trouble="SENDING_ARMED is off.")
        assert "SENDING_ARMED is off." in look(desk, issue).content.decode()

    @pytest.mark.parametrize(
        ("state", "label"),
        [("sending", "Watch it being sent"), ("paused", "See why"), ("finished", "See the certificate")],
    )
    def test_while_it_is_sent(self, issue, desk, state, label):
        Mailing.objects.create(issue=issue, state=state)
        assert self.act(desk, issue)[0] == label


class TestOverview:
    def states(self, response):
        return [step.state for step in response.context["steps"]]

    def test_steps_show_how_far_it_is(self, compiled, desk, approver):
        assert self.states(look(desk, compiled)) == ["done", "now", *["to come"] * 4]
        issue = edit(compiled, approver)
        assert self.states(look(desk, issue)) == ["done", "done", "now", *["to come"] * 3]
        issue = approve(issue, by=person(APPROVERS_GROUP))
        assert self.states(look(desk, issue)) == ["done"] * 3 + ["now", "to come", "to come"]
        schedule(issue, timezone.now() + timedelta(days=1), by=approver)
        assert self.states(look(desk, issue)) == ["done"] * 4 + ["now", "to come"]
        factories.sent(issue)
        assert self.states(look(desk, issue)) == ["done"] * 6

    def test_who_did_what(self, desk, approver):
        factories.entry()
        issue = compile_issue(Period(2026, 10), by=person(APPROVERS_GROUP, first_name="Robin", last_name="Reed")).issue
        text = look(desk, issue).content.decode()
        assert "Compiled from the directory: 1 added" in text
        assert "Robin Reed" in text

    def test_counts_are_those_of_the_latest_draft(self, compiled, desk):
        draft = compiled.get_latest_revision_as_object()
        one, two, _ = items = list(draft.items.all())
        one.pinned, two.left_out = True, True
        draft.items.set(items)
        draft.save_revision()
        counts = look(desk, compiled).context["counts"]
        assert (counts.carried, counts.pinned, counts.left_out) == (2, 1, 1)

    def test_what_changed_since_the_approval(self, compiled, desk, approver):
        issue = approve(compiled, by=approver)
        assert look(desk, issue).context["drifted"] == []
        one, two, _ = [item.page.specific for item in Issue.objects.get().items.all()]
        one.summary = "Other words."
        one.save()
        two.unpublish()
        found = {drift.title: (drift.changed, drift.unpublished) for drift in look(desk, issue).context["drifted"]}
        assert found == {one.title: (("summary",), False), two.title: ((), True)}

    def test_later_draft_is_explained(self, compiled, desk, approver):
        issue = approve(compiled, by=approver)
        assert "A later draft is not approved" not in look(desk, issue).content.decode()
        assert "A later draft is not approved" in look(desk, edit(issue, approver)).content.decode()

    def test_compiled_items_that_a_save_lost(self, compiled, desk):
        draft = compiled.get_latest_revision_as_object()
        draft.items.set([item for item in draft.items.all() if item.page.title != "Two"])
        draft.save_revision()
        response = look(desk, compiled)
        assert [item.page.title for item in response.context["missing"]] == ["Two"]
        desk.post(reverse("newsletter_put_back", args=[compiled.pk]))
        assert list(look(desk, compiled).context["missing"]) == []

    def test_put_back_is_refused_to_an_approved_issue(self, compiled, desk, approver):
        issue = approve(compiled, by=approver)
        text = desk.post(reverse("newsletter_put_back", args=[issue.pk]), follow=True).content.decode()
        assert "approved already" in text

    def test_is_for_those_who_work_on_issues(self, compiled):
        assert log_in(person()).get(reverse("newsletter_issue", args=[compiled.pk])).status_code in {302, 403}

    @pytest.mark.parametrize("approved", [False, True])
    def test_number_of_queries_does_not_grow(self, desk, approver, approved):
        def queries(period, number):
            for _ in range(number):
                factories.entry(published=datetime(2026, int(period[5:]), 1, 9, tzinfo=LONDON))
            issue = compile_issue(Period.parse(period)).issue
            draft = issue.get_latest_revision_as_object()
            draft.items.set(list(draft.items.all())[: number - 1])
            draft.save_revision(user=person())
            issue = Issue.objects.get(pk=issue.pk)
            if approved:
                issue = approve(issue, by=approver)
                for item in issue.items.all():
                    item.page.specific.unpublish()
            look(desk, issue)
            with CaptureQueriesContext(connection) as captured:
                look(desk, issue)
            return len(captured)

        assert queries("2026-09", 2) == queries("2026-10", 12)
