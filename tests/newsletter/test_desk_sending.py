"""The page that follows a sending: what it says in each state, to whom, and at what cost."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.log_actions import log

from cms.groups import AUTHORS_GROUP
from newsletter.models import Delivery, Issue, Mailing, Schedule
from newsletter.site import APPROVERS_GROUP
from newsletter.steering import pause
from newsletter.watching import forget
from tests import factories
from tests.newsletter.fakes import crowd_of, open_mailing, set_mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db) -> Client:
    """An approver's."""
    approver = factories.UserFactory(first_name="Ada", last_name="Able")
    approver.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    browser = Client()
    browser.force_login(approver)
    return browser


@pytest.fixture
def mailed(db) -> Issue:
    """An issue being sent to ten: three have it, one is in doubt, six wait."""
    issue = open_mailing(crowd_of(10))
    pks = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=pks[:3]).update(state="sent")
    Delivery.objects.filter(pk=pks[3]).update(state="unknown", reason="no answer")
    return issue


def page(browser: Client, issue: Issue) -> str:
    return browser.get(f"/admin/e-news/{issue.pk}/sending/").content.decode()


def figures(browser: Client, issue: Issue, standing: str):
    return browser.get(f"/admin/e-news/{issue.pk}/sending/figures/?standing={standing}", headers={"HX-Request": "true"})


class TestWhileItIsSent:
    def test_bar_counts_and_what_an_approver_may_do(self, browser, mailed):
        text = page(browser, mailed)
        assert '<progress class="sending-bar"' in text
        assert 'max="10"' in text
        assert 'value="4"' in text
        for label in Delivery.State.labels:
            assert label in text
        assert "3 members have it; 6 wait" in text
        assert "an approver has to decide" in text
        for act in ("pause", "cancel"):
            assert f"/admin/e-news/{mailed.pk}/sending/{act}/" in text

    @pytest.mark.parametrize(
        ("state", "every"), [("sending", "every 2s"), ("paused", "every 15s"), ("frozen", "every 15s")]
    )
    def test_follows_by_itself_and_slower_when_it_does_not_move(self, browser, mailed, state, every):
        set_mailing(mailed, state)
        assert every in page(browser, mailed)
        assert every in figures(browser, mailed, state).content.decode()

    @pytest.mark.parametrize("state", ["finished", "cancelled"])
    def test_stops_when_it_is_over(self, browser, mailed, state):
        set_mailing(mailed, state)
        Delivery.objects.filter(state="pending").update(state="skipped", reason="cancelled")
        for text in (page(browser, mailed), figures(browser, mailed, state).content.decode()):
            assert "every" not in text.split('id="sending-figures"')[1].split(">")[0]
            assert "Pause the sending" not in text

    def test_cancelled_one_is_followed_until_what_was_in_hand_has_ended(self, browser, mailed):
        Delivery.objects.filter(state="pending").update(
            state="sending", attempt="00000000-0000-0000-0000-000000000001", lease_until=timezone.now()
        )
        set_mailing(mailed, "cancelled")
        text = page(browser, mailed)
        assert "every 2s" in text
        assert "in a worker’s hands" in text

    def test_part_says_to_load_the_page_anew_once_it_stands_elsewhere(self, browser, mailed):
        assert "HX-Refresh" not in figures(browser, mailed, "sending")
        pause(mailed, by=None, reason="lunch")
        assert figures(browser, mailed, "sending")["HX-Refresh"] == "true"

    def test_part_is_no_whole_page(self, browser, mailed):
        assert "<html" not in figures(browser, mailed, "sending").content.decode()

    def test_works_without_script(self, browser, mailed):
        assert "Refresh the figures" in page(browser, mailed)

    def test_reason_of_a_pause_is_shown_and_who_paused(self, browser, mailed):
        ada = factories.UserFactory(first_name="Bea", last_name="Bold")
        pause(mailed, by=ada, reason="a wrong date")
        text = page(browser, mailed)
        assert "Paused by Bea Bold: a wrong date" in text
        assert "Nothing is lost" in text

    def test_names_nobody_who_is_mailed(self, browser, mailed):
        text = page(browser, mailed)
        emails = Delivery.objects.values_list("member__user__email", flat=True)
        assert not [email for email in emails if email in text]


class TestWhoStartedIt:
    def started(self, issue: Issue) -> None:
        log(issue, "newsletter.send")

    def test_the_scheduler_at_the_time_somebody_chose(self, browser, mailed):
        ada = factories.UserFactory(first_name="Bea", last_name="Bold")
        Schedule.objects.create(issue=mailed, send_at=timezone.now() - timedelta(minutes=1), by=ada)
        self.started(mailed)
        assert "Started by itself, at the time that Bea Bold had chosen." in page(browser, mailed)

    def test_the_console_before_its_time(self, browser, mailed):
        Schedule.objects.create(issue=mailed, send_at=timezone.now() + timedelta(days=1))
        self.started(mailed)
        assert "Started at the console" in page(browser, mailed)


class TestBeforeItIsFrozen:
    def test_draft(self, browser):
        text = page(browser, factories.issue())
        assert "Not approved" in text
        assert "send-now" not in text

    def test_approved_without_a_time(self, browser, issue, members):
        text = page(browser, issue)
        assert "No time chosen" in text
        assert "<strong>4</strong> members" in text
        assert f"/admin/e-news/{issue.pk}/sending/send-now/" in text

    def test_scheduled(self, browser, issue):
        Schedule.objects.create(issue=issue, send_at=timezone.now() + timedelta(days=2))
        assert "It will be sent by itself on" in page(browser, issue)

    def test_due(self, browser, issue):
        Schedule.objects.create(issue=issue, send_at=timezone.now())
        assert "About to start" in page(browser, issue)

    def test_trouble_and_missed(self, browser, issue):
        planned = Schedule.objects.create(issue=issue, send_at=timezone.now(), trouble="Nobody answers.")
        assert "Nobody answers." in page(browser, issue)
        planned.missed_at = timezone.now()
        planned.save()
        assert "choose a new" in " ".join(page(browser, issue).split())

    def test_disarmed_installation(self, browser, issue, settings):
        settings.SENDING_ARMED = False
        text = page(browser, issue)
        assert "SENDING_ARMED" in text
        assert "send-now" not in text

    def test_start_loads_the_page_anew(self, browser, issue):
        assert "HX-Refresh" not in figures(browser, issue, "waiting")
        Mailing.objects.create(issue=issue)
        assert figures(browser, issue, "waiting")["HX-Refresh"] == "true"


class TestCost:
    def queries(self, act, *arguments) -> int:
        with CaptureQueriesContext(connection) as captured:
            act(*arguments)
        return len(captured)

    def test_statements_do_not_grow_and_the_part_needs_few(self, browser):
        few, many = open_mailing(crowd_of(3)[:3]), open_mailing(crowd_of(90), period="2026-11")
        page(browser, few)  # fills Wagtail's caches
        forget(few)
        assert self.queries(page, browser, few) == self.queries(page, browser, many)
        forget(few)
        forget(many)
        first = self.queries(figures, browser, few, "sending")
        assert first == self.queries(figures, browser, many, "sending") <= 20
        assert self.queries(figures, browser, many, "sending") == first - 1, "counted once for everybody"


class TestAccess:
    def test_editors_watch_and_others_do_not(self, mailed):
        editor, stranger = factories.UserFactory(), factories.UserFactory()
        editor.groups.add(Group.objects.get(name=AUTHORS_GROUP))
        for person, status in ((editor, 200), (stranger, 302)):
            browser = Client()
            browser.force_login(person)
            assert browser.get(f"/admin/e-news/{mailed.pk}/sending/").status_code == status
            assert figures(browser, mailed, "sending").status_code == status

    def test_editors_are_offered_no_steering(self, mailed):
        editor = factories.UserFactory()
        editor.groups.add(Group.objects.get(name=AUTHORS_GROUP))
        browser = Client()
        browser.force_login(editor)
        assert "/sending/pause/" not in page(browser, mailed)
