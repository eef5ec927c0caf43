"""The desk's pages about what was sent: its links, leading one elsewhere, correcting an entry by mail."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from newsletter.models import Delivery, Issue, Item, Link, Mailing
from tests import factories
from tests.newsletter.aftermath import desk, send, staff
from tests.newsletter.fakes import erase, set_mailing

pytestmark = pytest.mark.django_db
NEW = "https://charity.example.org/"


@pytest.fixture
def sent(issue, members) -> Issue:
    send(issue)
    return issue


@pytest.fixture
def browser():
    return desk(staff("approver@example.org"))


def page(name: str, *args: int) -> str:
    return reverse(f"newsletter_{name}", args=args)


def link(issue: Issue, title: str = "For health") -> Link:
    return Link.objects.select_related("item__page").get(issue=issue, item__page__title=title)


class TestLinks:
    def test_are_listed_with_how_many_mails_held_each(self, sent, browser):
        rows = browser.get(page("links", sent.pk)).context["rows"]
        found = {row.title: (row.link.number, row.leads, row.received) for row in rows}
        assert found["For health"] == (2, "live", 3)
        assert found["For everyone"] == (1, "live", 4)

    def test_dead_ones_come_first_and_are_said_in_words(self, sent, browser):
        link(sent, "For schools").item.page.unpublish()
        response = browser.get(page("links", sent.pk))
        assert [row.dead for row in response.context["rows"]] == [True, False, False, False]
        text = response.content.decode()
        assert "1 dead" in text
        assert text.index("Page not found") < text.index("On the website")

    def test_entry_that_was_deleted_keeps_its_line(self, sent, browser):
        link(sent).item.page.delete()
        rows = browser.get(page("links", sent.pk)).context["rows"]
        assert (rows[0].title, rows[0].received) == ("an entry that has been deleted", 3)

    def test_before_freezing_there_are_none(self, issue, browser):
        assert "has not been frozen yet" in browser.get(page("links", issue.pk)).content.decode()

    def test_cost_the_same_whatever_their_number(self, sent, browser):
        browser.get(page("links", sent.pk))
        with CaptureQueriesContext(connection) as few:
            browser.get(page("links", sent.pk))
        for number, entry in enumerate([factories.entry() for _ in range(20)], start=50):
            item = Item.objects.create(issue=sent, page=entry, announcement=entry.announced_on, section=entry.kind)
            Link.objects.create(
                issue=sent, number=number, url=f"http://localhost:8000/directory/{entry.slug}/", item=item
            )
        with CaptureQueriesContext(connection) as many:
            response = browser.get(page("links", sent.pk))
        assert len(response.context["rows"]) == 24
        assert len(many) == len(few)

    def test_nobody_else_sees_them(self, sent, client):
        client.force_login(factories.UserFactory())
        for address in (
            page("links", sent.pk),
            page("retarget", sent.pk, 1),
            page("correct", sent.pk, link(sent).item_id),
        ):
            assert client.get(address).status_code in {302, 403}


class TestLeadElsewhere:
    def test_leads_there_and_says_so(self, sent, browser):
        response = browser.post(page("retarget", sent.pk, 2), {"url": NEW, "reason": "moved"}, follow=True)
        assert f"Link 2 leads to {NEW} now." in response.content.decode()
        assert Link.objects.get(issue=sent, number=2).url == NEW

    def test_says_what_becomes_of_the_plain_address(self, sent, browser):
        assert "they go on finding it there" in browser.get(page("retarget", sent.pk, 2)).content.decode()
        link(sent).item.page.unpublish()
        assert "a redirect to the new address is put" in browser.get(page("retarget", sent.pk, 2)).content.decode()

    def test_address_that_is_refused_stays_in_the_form_with_the_reason(self, sent, browser):
        response = browser.post(page("retarget", sent.pk, 2), {"url": "http://10.0.0.1/", "reason": "moved"})
        assert response.status_code == 400
        text = response.content.decode()
        assert "private network" in text
        assert 'value="http://10.0.0.1/"' in text
        assert link(sent).url.endswith("/directory/service-2/")

    def test_unknown_number_is_not_found(self, sent, browser):
        assert browser.get(page("retarget", sent.pk, 77)).status_code == 404

    def test_takes_somebody_who_may_approve(self, sent):
        editor = desk(staff("author@example.org", "Author"))
        assert editor.get(page("links", sent.pk)).context["may_approve"] is False
        editor.post(page("retarget", sent.pk, 2), {"url": NEW, "reason": "moved"})
        assert link(sent).url.endswith("/directory/service-2/")
        assert "Lead elsewhere" not in editor.get(page("links", sent.pk)).content.decode()


class TestCorrect:
    def test_says_who_gets_it_and_who_cannot_be_reached(self, sent, members, browser):
        erase(members[0])
        text = " ".join(browser.get(page("correct", sent.pk, link(sent).item_id)).content.decode().split())
        assert "was sent to <strong>2</strong> members" in text
        assert "1 more mail held it" in text
        assert "Draft a correction for 2 members" in text

    def test_makes_the_draft_and_opens_it(self, sent, browser):
        response = browser.post(page("correct", sent.pk, link(sent).item_id))
        one = Issue.objects.get(period="2026-10-c1")
        assert response["Location"] == reverse("wagtailadmin_pages:edit", args=[one.pk])
        assert browser.get(response["Location"]).status_code == 200

    def test_second_press_leads_to_the_same_draft(self, sent, browser):
        address = page("correct", sent.pk, link(sent).item_id)
        first = browser.post(address)["Location"]
        assert browser.post(address)["Location"] == first
        assert "Go to the draft 2026-10-c1" in browser.get(address).content.decode()

    def test_is_listed_with_the_links_of_its_issue(self, sent, browser):
        browser.post(page("correct", sent.pk, link(sent).item_id))
        assert "2026-10-c1" in browser.get(page("links", sent.pk)).content.decode()

    def test_of_a_corrections_entry_is_not_offered(self, sent, browser):
        item = link(sent).item_id
        browser.post(page("correct", sent.pk, item))
        one = Issue.objects.get(period="2026-10-c1")
        one.introduction = "<p>Wrong.</p>"
        one.save_revision().publish(skip_permission_checks=True)
        send(Issue.objects.get(pk=one.pk))
        text = browser.get(page("links", one.pk)).content.decode()
        assert "Lead elsewhere" in text
        assert "Correct by mail" not in text
        assert browser.post(page("correct", one.pk, item)).status_code in {302, 403}
        assert Issue.objects.count() == 2

    def test_item_of_another_issue_is_not_found(self, sent, browser):
        other = factories.issue("2026-11", pages=[factories.entry()], live=True)
        assert browser.get(page("correct", sent.pk, other.items.get().pk)).status_code == 404


class TestCancelledIssue:
    """Whoever has the mail may open its web version, whatever became of the rest."""

    @pytest.fixture
    def cancelled(self, issue, members):
        send(issue)
        Mailing.objects.filter(pk=issue.pk).update(finished_at=timezone.now())
        set_mailing(issue, Mailing.State.CANCELLED)
        return issue

    def test_that_reached_somebody_can_be_read_and_is_not_listed(self, cancelled, client):
        assert client.get("/e-news/2026-10/").status_code == 200
        assert "/e-news/2026-10/" not in client.get("/e-news/").content.decode()

    def test_that_reached_nobody_cannot_be_read(self, cancelled, client):
        Delivery.objects.filter(issue=cancelled).update(state="skipped", reason="cancelled")
        assert client.get("/e-news/2026-10/").status_code == 404

    def test_can_be_read_by_the_first_recipients_while_it_is_being_sent(self, issue, members, client):
        send(issue)
        Mailing.objects.filter(pk=issue.pk).update(state=Mailing.State.SENDING, finished_at=None)
        assert client.get("/e-news/2026-10/").status_code == 200
        assert "/e-news/2026-10/" not in client.get("/e-news/").content.decode()
