"""Deciding about unknown deliveries at the desk: listed by number, confirmed with a number, and only what was shown."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import PageLogEntry

from cms.groups import AUTHORS_GROUP
from membership.models import Member
from membership.staff import ADVISERS_GROUP, ensure_staff_groups
from newsletter.desk.decisions import PER_PAGE
from newsletter.models import Delivery, Issue, Mailing
from newsletter.site import APPROVERS_GROUP
from tests import factories
from tests.newsletter.fakes import crowd_of, open_mailing, set_mailing

pytestmark = pytest.mark.django_db
SENT, AGAIN = "treat-as-sent", "send-again"


def in_doubt(size: int = 6, unknown: int = 4, period: str = "2026-10") -> Issue:
    """An issue that has ended: some sent, the first few unknown."""
    issue = open_mailing(crowd_of(size)[:size], period=period)
    pks = list(Delivery.objects.filter(issue=issue).order_by("pk").values_list("pk", flat=True))
    now = timezone.now()
    Delivery.objects.filter(pk__in=pks).update(state="sent", finished_at=now)
    Delivery.objects.filter(pk__in=pks[:unknown]).update(
        state="unknown", reason="connection broke", handed_at=now, provider="mailgun"
    )
    set_mailing(issue, "finished")
    return issue


@pytest.fixture
def issue(db) -> Issue:
    return in_doubt()


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


def unknown(issue: Issue) -> list[int]:
    rows = Delivery.objects.filter(issue=issue, state="unknown").order_by("pk")
    return list(rows.values_list("pk", flat=True))


def address(issue: Issue) -> str:
    return f"/admin/e-news/{issue.pk}/decide/"


def post(browser: Client, issue: Issue, **values):
    return browser.post(address(issue), {"which": "some", "choice": SENT, "reason": "seen in the log", **values})


def confirm(browser: Client, issue: Issue, **values) -> str:
    """Both steps, as the form makes them; what is said afterwards."""
    asked = post(browser, issue, **values)
    assert asked.status_code == 200, "the confirmation"
    seen_at = asked.context["seen_at"]
    done = post(browser, issue, confirmed="yes", seen_at=seen_at, **values)
    assert done.status_code == 302
    return " ".join(str(message) for message in get_messages(done.wsgi_request))


class TestList:
    def test_every_issue_with_its_count(self, browser, issue):
        in_doubt(3, 0, "2026-11")
        text = browser.get("/admin/e-news/unknown/").content.decode()
        assert address(issue) in text
        assert text.count("/decide/") == 1
        assert '<td class="desk-number">4</td>' in text

    def test_nothing_to_decide(self, browser):
        assert "nothing to decide" in browser.get("/admin/e-news/unknown/").content.decode()

    def test_statements_do_not_grow(self, browser):
        def statements() -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get("/admin/e-news/unknown/")
            return len(captured)

        in_doubt(3, 2)
        statements()
        few = statements()
        for month in (11, 12):
            in_doubt(20, 15, f"2026-{month}")
        assert statements() == few


class TestDeliveries:
    def test_numbers_and_reasons_without_an_address(self, browser, issue):
        text = browser.get(address(issue)).content.decode()
        for pk in unknown(issue):
            assert f'<th scope="row">{pk}</th>' in text
        assert "connection broke" in text
        assert "mailgun" in text
        assert not [email for email in Member.objects.values_list("user__email", flat=True) if email in text]

    def test_members_are_linked_for_those_who_may_see_them(self, browser, approver, issue):
        member = Delivery.objects.get(pk=unknown(issue)[0]).member_id
        assert f"/admin/members/{member}/" not in browser.get(address(issue)).content.decode()
        ensure_staff_groups()
        approver.groups.add(Group.objects.get(name=ADVISERS_GROUP))
        assert f"/admin/members/{member}/" in browser.get(address(issue)).content.decode()

    def test_fifty_on_a_page_in_statements_that_do_not_grow(self, browser):
        few, many = in_doubt(5, 3), in_doubt(120, 110, "2026-11")

        def statements(issue: Issue) -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get(address(issue))
            return len(captured)

        statements(few)
        assert statements(few) == statements(many)
        pages = [browser.get(f"{address(many)}?page={number}").content.decode() for number in (1, 2, 3)]
        assert [text.count('name="deliveries"') for text in pages] == [PER_PAGE, PER_PAGE, 10]


class TestDeciding:
    def test_asks_first_and_names_the_number(self, browser, issue):
        text = post(browser, issue, deliveries=unknown(issue)[:3]).content.decode()
        assert "Treat as sent: 3 members" in " ".join(text.split())
        assert "misses this issue" in text
        assert len(unknown(issue)) == 4

    def test_some_are_treated_as_sent(self, browser, approver, issue):
        *some, last = unknown(issue)
        assert confirm(browser, issue, deliveries=some) == "3 deliveries are treated as sent."
        assert unknown(issue) == [last]
        entry = PageLogEntry.objects.get(page=issue.pk, action="newsletter.decide")
        assert (entry.user, entry.data["reason"], entry.data["deliveries"]) == (approver, "seen in the log", some)

    def test_all_are_sent_again_and_the_workers_are_told(self, browser, issue, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks() as told:
            said = confirm(browser, issue, which="all", choice=AGAIN)
        assert said == "4 deliveries will be sent again."
        assert len(told) == 1
        assert Mailing.objects.get(pk=issue.pk).state == "sending"
        assert factories.states(issue) == {"sent": 2, "pending": 4}

    def test_what_turned_up_since_was_not_decided_about(self, browser, issue):
        seen_at = post(browser, issue, which="all").context["seen_at"]
        late = Delivery.objects.filter(issue=issue, state="sent").first()
        later = timezone.now() + timedelta(seconds=1)
        Delivery.objects.filter(pk=late.pk).update(state="unknown", reason="late", finished_at=later)
        post(browser, issue, which="all", confirmed="yes", seen_at=seen_at)
        assert unknown(issue) == [late.pk]

    def test_a_report_came_first(self, browser, issue):
        chosen = unknown(issue)[:2]
        Delivery.objects.filter(pk__in=chosen).update(state="sent", reason="settled: provider reported sent")
        answer = post(browser, issue, deliveries=chosen, confirmed="yes")
        assert "Nothing to decide" in " ".join(str(message) for message in get_messages(answer.wsgi_request))
        answer = post(browser, issue, deliveries=chosen)
        assert answer.status_code == 302
        assert len(unknown(issue)) == 2

    def test_erased_members_are_passed_over(self, browser, issue):
        gone, *_ = unknown(issue)
        Delivery.objects.filter(pk=gone).update(member=None)
        asked = post(browser, issue, which="all", choice=AGAIN)
        assert (asked.context["count"], asked.context["gone"]) == (3, 1)
        assert "1 was passed over" in confirm(browser, issue, which="all", choice=AGAIN)
        assert unknown(issue) == [gone]

    def test_deliveries_of_another_issue_are_left_alone(self, browser, issue):
        other = in_doubt(period="2026-11")
        answer = post(browser, issue, deliveries=unknown(other), confirmed="yes")
        assert answer.status_code == 200
        assert len(unknown(other)) == 4

    def test_cancelled_issue_is_sent_to_nobody(self, browser, issue):
        set_mailing(issue, "cancelled")
        assert 'value="send-again"' not in browser.get(address(issue)).content.decode()
        answer = post(browser, issue, which="all", choice=AGAIN, confirmed="yes")
        assert "treated as sent only" in " ".join(str(message) for message in get_messages(answer.wsgi_request))
        assert len(unknown(issue)) == 4

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"which": "all", "reason": " "}, "Say why"),
            ({"which": "some"}, "Tick at least one"),
            ({"which": "all", "choice": ""}, "Choose what is to happen"),
            ({"which": "some", "deliveries": ["first", "99999999999999999999"]}, "Tick at least one"),
            ({"which": "all", "choice": "guess"}, "Choose what is to happen"),
        ],
        ids=["reason", "none", "choice", "rubbish", "unheard-of"],
    )
    def test_what_is_missing_is_said(self, browser, issue, values, words):
        for more in ({}, {"confirmed": "yes"}):
            answer = post(browser, issue, **values, **more)
            assert answer.status_code == 200
            assert words in answer.content.decode()
        assert len(unknown(issue)) == 4

    @pytest.mark.parametrize("seen_at", ["", "rubbish", "2026-10-01", "9999-12-31T00:00:00+00:00"])
    def test_moment_that_was_tampered_with(self, browser, issue, seen_at):
        future = timezone.now() + timedelta(hours=1)
        late = unknown(issue)[0]
        Delivery.objects.filter(pk=late).update(finished_at=future)
        post(browser, issue, which="all", confirmed="yes", seen_at=seen_at)
        assert unknown(issue) == [late]


class TestAccess:
    def test_approvers_only(self, issue):
        editor = factories.UserFactory()
        editor.groups.add(Group.objects.get(name=AUTHORS_GROUP))
        browser = Client()
        browser.force_login(editor)
        for answer in (
            browser.get("/admin/e-news/unknown/"),
            browser.get(address(issue)),
            post(browser, issue, which="all", confirmed="yes"),
        ):
            assert (answer.status_code, answer["Location"]) == (302, "/admin/")
        assert len(unknown(issue)) == 4
