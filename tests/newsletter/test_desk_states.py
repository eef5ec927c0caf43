"""What can happen to an issue between its approval and its end: each ends in a defined state that is explained."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from cms.models import Entry
from newsletter.approving import approve
from newsletter.certificate import certify
from newsletter.compiling import IssueError, compile_issue
from newsletter.models import Delivery, Edition, Issue, Mailing
from newsletter.periods import Period
from newsletter.recovery import recover
from newsletter.sending import drain, start
from newsletter.site import APPROVERS_GROUP
from newsletter.steering import cancel, pause, resume
from newsletter.watching import forget
from tests import factories
from tests.newsletter.fakes import RecordingTransport, accept, crowd_of, open_mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    ada = factories.UserFactory(first_name="Ada", last_name="Able")
    ada.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    return ada


@pytest.fixture
def browser(ada) -> Client:
    browser = Client()
    browser.force_login(ada)
    return browser


@pytest.fixture(autouse=True)
def folder(own_outbox) -> None:
    """Starting a mailing makes it; some of these are open from the first."""
    own_outbox.mkdir()


def page(browser: Client, issue: Issue, name: str = "sending") -> str:
    forget(issue)
    return " ".join(browser.get(f"/admin/e-news/{issue.pk}/{name}/").content.decode().split())


def stopping_after(number: int, act) -> RecordingTransport:
    """A transport during whose call an approver acts: what is in the group's hands ends, nothing new is begun."""
    transport = RecordingTransport()

    def answer(message):
        if len(transport.taken) == number - 1:
            act()
        return accept(message)

    transport.answer = answer
    return transport


def outbox(own_outbox) -> list[str]:
    return [path.read_text() for path in sorted(own_outbox.glob("*.eml"))]


class TestPausedHalfway:
    def test_goes_on_where_it_was_held_and_mails_nobody_twice(self, browser, ada, own_outbox):
        issue = open_mailing(crowd_of(120))
        transport = stopping_after(40, lambda: pause(issue, by=ada, reason="a wrong date"))
        drain(issue, transport=transport)
        had = len(transport.taken)
        assert 40 <= had <= 50
        text = page(browser, issue)
        assert "Paused by Ada Able: a wrong date" in text
        assert f"{had} members have it; {120 - had} wait" in text
        assert drain(issue).finished == 0
        assert outbox(own_outbox) == []
        resume(issue, by=ada)
        drain(issue)
        assert len(outbox(own_outbox)) == 120 - had
        assert factories.states(issue) == {"sent": 120}
        assert certify(issue).proved
        text = page(browser, issue, "certificate")
        assert "Sending paused: a wrong date" in text
        assert "Sending resumed" in text


class TestCancelledAfterAThird:
    def test_adds_up_and_is_explained(self, browser, ada, own_outbox):
        issue = open_mailing(crowd_of(90))
        drain(issue, transport=stopping_after(30, lambda: cancel(issue, by=ada, reason="wrong month")))
        had = Delivery.objects.filter(issue=issue, state="sent").count()
        assert 30 <= had <= 50
        assert "came back from a worker" in page(browser, issue)
        recover()  # as it happens every minute: what the worker gave back is ended too
        counted = certify(issue)
        assert counted.proved
        assert counted.states["sent"] + counted.skipped_because["cancelled"] == counted.frozen == 90
        text = page(browser, issue)
        assert "Cancelled by Ada Able: wrong month" in text
        assert f"{had} members have it: that cannot be taken back. Nobody else is mailed." in text
        for words in ("the counts add up", "Sealed on", "Sending cancelled: wrong month", "Cancelled"):
            assert words in page(browser, issue, "certificate")
        drain(issue)
        assert outbox(own_outbox) == []
        with pytest.raises(IssueError, match="cancelled"):
            start(issue)


class TestUnpublishedAfterApproval:
    @pytest.fixture
    def two_items(self, ada) -> Issue:
        """Approved: one item for schools, one for health. One member of each."""
        pages = [
            factories.entry(title="For schools", sectors=["schools"]),
            factories.entry(title="For health", sectors=["health"]),
        ]
        factories.subscription("ada@example.org", sectors=["health"])
        factories.subscription("cal@example.org", sectors=["schools"])
        return approve(factories.issue(pages=pages), by=ada)

    def test_falls_out_and_whoever_has_nothing_left_is_skipped(self, browser, two_items, own_outbox):
        Entry.objects.get(title="For schools").unpublish()
        text = page(browser, two_items)
        assert "1 item fell out" in text
        assert "For schools" in text
        assert "will carry it" in text
        start(two_items)
        assert Edition.objects.count() == 1
        skipped = Delivery.objects.get(state="skipped")
        assert (skipped.reason, skipped.edition) == ("nothing new for this member", None)
        drain(two_items)
        (mail,) = outbox(own_outbox)
        assert "For schools" not in mail
        assert certify(two_items).proved
        text = page(browser, two_items)
        assert "1 item fell out" in text
        assert "no edition carries it" in text

    def test_deleted_entry_too(self, browser, two_items):
        Entry.objects.get(title="For schools").delete()
        start(two_items)
        assert "1 item fell out" in page(browser, two_items)
        assert factories.states(two_items) == {"pending": 1, "skipped": 1}

    def test_published_again_in_time_is_carried(self, browser, two_items):
        entry = Entry.objects.get(title="For schools").specific
        entry.unpublish()
        entry.save_revision().publish()
        assert "fell out" not in page(browser, two_items)
        start(two_items)
        assert "fell out" not in page(browser, two_items)
        assert factories.states(two_items) == {"pending": 2}

    def test_nothing_is_left_for_anybody(self, browser, two_items, own_outbox):
        for entry in Entry.objects.live():
            entry.unpublish()
        start(two_items)
        drain(two_items)
        assert factories.states(two_items) == {"skipped": 2}
        assert Mailing.objects.get().state == "finished"
        assert outbox(own_outbox) == []
        assert "2 items fell out" in page(browser, two_items)

    def test_statements_do_not_grow_with_what_fell_out(self, browser, django_assert_max_num_queries, two_items):
        for entry in Entry.objects.live():
            entry.unpublish()
        page(browser, two_items)
        with django_assert_max_num_queries(60) as captured:
            page(browser, two_items)
        many = factories.issue("2026-11", pages=[factories.entry() for _ in range(30)], live=True)
        for entry in Entry.objects.live():
            entry.unpublish()
        with django_assert_max_num_queries(len(captured) + 1):  # counts those that are not named
            assert "30 items fell out" in page(browser, many)


class TestChangedAfterApproval:
    @pytest.fixture
    def approved(self, ada) -> Issue:
        factories.subscription("ada@example.org")
        return approve(factories.issue(pages=[factories.entry()], subject="As approved"), by=ada)

    def test_later_draft_is_not_sent(self, browser, approved, own_outbox):
        approved.subject = "Changed since"
        approved.save_revision()
        assert "What was approved is sent; the later changes are not." in page(browser, approved)
        start(approved)
        drain(approved)
        (mail,) = outbox(own_outbox)
        assert "Subject: As approved" in mail
        assert "was not approved, and is not what is sent" in page(browser, approved)

    def test_frozen_one_is_not_compiled_again(self, approved):
        start(approved)
        with pytest.raises(IssueError):
            compile_issue(Period.parse("2026-10"))
        drain(approved)
        assert factories.states(approved) == {"sent": 1}

    def test_frozen_one_cannot_be_edited(self, browser, approved):
        assert browser.get(f"/admin/pages/{approved.pk}/edit/").status_code == 200
        start(approved)
        assert browser.get(f"/admin/pages/{approved.pk}/edit/").status_code == 302
