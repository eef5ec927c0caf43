"""Steering from the desk: asked for with numbers, done by POST, refused in words, and by approvers only."""

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from wagtail.models import PageLogEntry

from cms.groups import AUTHORS_GROUP
from newsletter.models import Delivery, Issue, Mailing, Schedule
from newsletter.scheduling import start_due
from newsletter.site import APPROVERS_GROUP
from tests import factories
from tests.newsletter.fakes import crowd_of, open_mailing, set_mailing

pytestmark = pytest.mark.django_db
ACTS = ["pause", "resume", "cancel", "send-now"]


@pytest.fixture
def approver(db):
    approver = factories.UserFactory(first_name="Ada", last_name="Able")
    approver.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return approver


@pytest.fixture
def browser(approver) -> Client:
    browser = Client()
    browser.force_login(approver)
    return browser


@pytest.fixture
def mailed(db) -> Issue:
    """An issue being sent to ten: three have it, seven wait."""
    issue = open_mailing(crowd_of(10))
    pks = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[:3])
    Delivery.objects.filter(pk__in=pks).update(state="sent")
    return issue


def address(issue: Issue, act: str) -> str:
    return f"/admin/e-news/{issue.pk}/sending/{act}/"


def ask(browser: Client, issue: Issue, act: str) -> str:
    return " ".join(browser.get(address(issue, act)).content.decode().split())


def do(browser: Client, issue: Issue, act: str, reason: str = "a wrong date") -> str:
    """What is said afterwards."""
    answer = browser.post(address(issue, act), {"reason": reason})
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/e-news/{issue.pk}/sending/")
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def state(issue: Issue) -> str:
    return Mailing.objects.get(pk=issue.pk).state


class TestAsking:
    def test_names_how_many_members(self, browser, mailed):
        text = ask(browser, mailed, "cancel")
        assert "3 members have it: what was sent cannot be taken back." in text
        assert "7 members have not been mailed yet and will not be." in text
        assert "3 members have it, 7 members wait" in ask(browser, mailed, "pause")

    def test_one_member_and_thousands_read_well(self, browser):
        issue = open_mailing(crowd_of(1))
        assert "0 members have it: what was sent cannot be taken back. 1 member has not been mailed yet" in ask(
            browser, issue, "cancel"
        )

    def test_says_who_is_in_hand_and_in_doubt(self, browser, mailed):
        first, second = Delivery.objects.filter(state="pending")[:2]
        Delivery.objects.filter(pk=first.pk).update(state="unknown", reason="no answer")
        Delivery.objects.filter(pk=second.pk).update(state="claimed", attempt=second.nonce, lease_until=timezone.now())
        text = ask(browser, mailed, "cancel")
        assert "1 member in a worker’s hands" in text
        assert "Of 1 member nobody knows" in text

    @pytest.mark.parametrize("act", ACTS)
    def test_changes_nothing(self, browser, mailed, act):
        browser.get(address(mailed, act))
        assert state(mailed) == "sending"
        assert factories.states(mailed) == {"sent": 3, "pending": 7}

    @pytest.mark.parametrize("act", ["pause", "cancel"])
    def test_reason_is_needed(self, browser, mailed, act):
        answer = browser.post(address(mailed, act), {"reason": " \n"})
        assert answer.status_code == 200
        assert "Say why" in answer.content.decode()
        assert state(mailed) == "sending"


class TestDoing:
    def test_pause_resume_cancel(self, browser, approver, mailed, django_capture_on_commit_callbacks):
        assert "is paused" in do(browser, mailed, "pause")
        assert Mailing.objects.get().held_because == "Paused by Ada Able: a wrong date"
        with django_capture_on_commit_callbacks() as told:
            assert "goes on" in do(browser, mailed, "resume")
        assert len(told) == 1, "the workers"
        assert state(mailed) == "sending"
        assert "7 members will not be mailed" in do(browser, mailed, "cancel")
        assert factories.states(mailed) == {"sent": 3, "skipped": 7}
        acts = PageLogEntry.objects.filter(page=mailed.pk, action__startswith="newsletter.").order_by("pk")
        assert [(one.action, one.user) for one in acts] == [
            ("newsletter.pause", approver),
            ("newsletter.resume", approver),
            ("newsletter.cancel", approver),
        ]

    @pytest.mark.parametrize(
        ("act", "before", "words"),
        [
            ("pause", "paused", "paused already"),
            ("pause", "finished", "has been sent"),
            ("resume", "sending", "it is being sent"),
            ("cancel", "cancelled", "has been cancelled"),
            ("send-now", "sending", "it is being sent"),
            ("send-now", "cancelled", "has been cancelled"),
        ],
    )
    def test_what_somebody_else_did_first_is_said(self, browser, mailed, act, before, words):
        set_mailing(mailed, before)
        assert words in do(browser, mailed, act)
        assert state(mailed) == before
        answer = browser.get(address(mailed, act))
        assert answer.status_code == 302
        assert words in " ".join(str(message) for message in get_messages(answer.wsgi_request))

    def test_resuming_one_that_was_not_started_leaves_it_frozen(self, browser, mailed):
        Mailing.objects.update(state="paused", started_at=None)
        assert "It had not been started" in do(browser, mailed, "resume")
        assert state(mailed) == "frozen"


class TestSendingNow:
    def test_sets_the_time_to_now_and_the_scheduler_starts_it(self, browser, approver, issue, members):
        assert "at most 4 members" in ask(browser, issue, "send-now")
        assert "within a minute" in do(browser, issue, "send-now")
        assert issue.get_mailing() is None
        assert Schedule.objects.get().by == approver
        assert start_due() == [issue.period]
        assert state(issue) == "sending"

    def test_twice_starts_it_once(self, browser, issue, members):
        do(browser, issue, "send-now")
        do(browser, issue, "send-now")
        start_due()
        assert "it is being sent" in do(browser, issue, "send-now")
        assert Mailing.objects.count() == 1

    def test_one_that_was_frozen_at_the_console_is_opened(self, browser, mailed):
        Mailing.objects.update(state="frozen", started_at=None)
        assert "7 members are mailed from now on" in ask(browser, mailed, "send-now")
        assert "It is being sent" in do(browser, mailed, "send-now")
        assert state(mailed) == "sending"
        assert "Started by Ada Able." in browser.get(f"/admin/e-news/{mailed.pk}/sending/").content.decode()

    def test_draft_is_refused(self, browser):
        issue = factories.issue()
        assert "not approved" in do(browser, issue, "send-now")
        assert not Schedule.objects.exists()

    def test_disarmed_installation_refuses(self, browser, issue, settings):
        settings.SENDING_ARMED = False
        assert "SENDING_ARMED" in do(browser, issue, "send-now")
        assert not Schedule.objects.exists()


class TestAccess:
    @pytest.mark.parametrize("act", ACTS)
    def test_editors_may_not(self, mailed, act):
        editor = factories.UserFactory()
        editor.groups.add(Group.objects.get(name=AUTHORS_GROUP))
        browser = Client()
        browser.force_login(editor)
        for answer in (browser.get(address(mailed, act)), browser.post(address(mailed, act), {"reason": "because"})):
            assert (answer.status_code, answer["Location"]) == (302, "/admin/")
        assert state(mailed) == "sending"

    @pytest.mark.parametrize("act", ACTS)
    def test_needs_the_forms_token(self, approver, mailed, act):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(approver)
        assert browser.post(address(mailed, act), {"reason": "because"}).status_code == 403

    def test_before_the_sending_there_is_nothing_to_hold(self, browser, issue):
        for act in ("pause", "resume", "cancel"):
            answer = browser.get(address(issue, act))
            assert "has not begun" in " ".join(str(message) for message in get_messages(answer.wsgi_request))
