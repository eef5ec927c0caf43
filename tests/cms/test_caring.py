"""The report of what is due for review, and marking entries as checked."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import PageLogEntry

from cms import caring
from cms.models import AssuranceRequest, Entry, Kind
from cms.models.entry import REVIEW_AFTER
from membership.models import User
from tests import factories
from tests.cms.care import asked, due, today

pytestmark = pytest.mark.django_db

Answer = AssuranceRequest.Answer


@pytest.fixture
def author_client():
    user = factories.UserFactory(first_name="Ann")
    user.groups.add(Group.objects.get(name="Author"))
    client = Client()
    client.force_login(user)
    return client


def report(client, **query):
    response = client.get(reverse("hub_care"), query)
    assert response.status_code == 200
    return response.content.decode()


class TestWhatIsDue:
    def test_what_is_overdue_or_due_within_thirty_days_comes_by_its_day(self):
        soon, over, edge = due(5), due(-3), due(30)
        due(31)
        due(-9, live=False)
        assert [entry.pk for entry in caring.due_entries()] == [over.pk, soon.pk, edge.pk]
        assert [entry.pk for entry in caring.due_entries("overdue")] == [over.pk]
        assert [entry.pk for entry in caring.due_entries("soon")] == [soon.pk, edge.pk]

    def test_due_today_is_not_overdue_yet(self):
        entry = due(0)
        assert [entry.pk for entry in caring.due_entries("soon")] == [entry.pk]
        assert not entry.is_stale()

    def test_the_contact_is_the_entrys_own_or_the_services(self):
        due(1, kind=Kind.SERVICE, email="Desk@example.org")
        due(2, kind=Kind.SERVICE, email="desk@example.org", contact_email="own@example.org")
        due(3)
        assert [entry.contact for entry in caring.due_entries()] == ["desk@example.org", "own@example.org", ""]

    def test_the_months_hold_every_live_entry_once(self):
        for days in (-400, -1, 0, 20, 100, 600):
            due(days)
        months = caring.months_ahead()
        assert sum(count for _, count in months) == 6
        assert (months[0], months[-1]) == (("Overdue", 2), ("Later", 1))
        assert len(months) == caring.MONTHS + 3


class TestMarking:
    def test_moves_the_next_review_six_months_on(self, superuser):
        entry = due(-3, contact_email="desk@example.org")
        caring.mark_checked(entry=entry, by=superuser)
        entry = Entry.objects.get(pk=entry.pk)
        assert (entry.assured_on, entry.review_due) == (today(), today() + REVIEW_AFTER)
        log = PageLogEntry.objects.get(action=caring.CHECKED)
        assert (log.page_id, log.user) == (entry.pk, superuser)

    def test_publishing_a_draft_does_not_undo_it(self):
        entry = due(-3)
        entry.summary = "Words of the draft."
        entry.save_revision()
        caring.mark_checked(entry=entry)
        assert Entry.objects.get(pk=entry.pk).summary != "Words of the draft."
        Entry.objects.get(pk=entry.pk).latest_revision.publish()
        entry = Entry.objects.get(pk=entry.pk)
        assert (entry.summary, entry.assured_on) == ("Words of the draft.", today())
        assert entry.review_due == today() + REVIEW_AFTER

    def test_a_version_that_is_scheduled_does_not_undo_it_either(self):
        entry = due(-3)
        entry.go_live_at = timezone.now() + timedelta(days=1)
        scheduled = entry.save_revision(approved_go_live_at=entry.go_live_at)
        entry.go_live_at = None
        entry.save_revision()
        caring.mark_checked(entry=entry)
        scheduled.refresh_from_db()
        assert scheduled.as_object().assured_on == today()

    def test_editing_without_a_draft_begins_with_the_new_day(self):
        entry = due(-3)
        entry.save_revision().publish()
        caring.mark_checked(entry=entry)
        assert Entry.objects.get(pk=entry.pk).get_latest_revision_as_object().assured_on == today()

    def test_versions_of_other_entries_are_left_alone(self):
        entry, other = due(-3), due(-3)
        other.save_revision()
        caring.mark_checked(entry=entry)
        assert Entry.objects.get(pk=other.pk).get_latest_revision_as_object().assured_on is None

    @pytest.mark.skipif(not connection.features.has_select_for_update, reason="the database locks no rows")
    def test_versions_are_locked_before_they_are_read(self):
        entry = due(-3)
        entry.save_revision()
        with CaptureQueriesContext(connection) as queries:
            caring.mark_checked(entry=entry)
        read = [one["sql"] for one in queries if ' FROM "wagtailcore_revision" ' in one["sql"]]
        assert read
        assert all("FOR UPDATE" in sql for sql in read)

    def test_what_was_said_is_dealt_with_once(self, superuser):
        answer = asked(due(1), answer=Answer.CHANGED)
        assert list(caring.open_answers()) == [answer]
        assert caring.mark_done(answer=answer, by=superuser)
        assert not caring.mark_done(answer=answer, by=superuser)
        assert not caring.open_answers()
        assert PageLogEntry.objects.filter(action=caring.DONE).count() == 1


class TestReport:
    def test_shows_what_an_editor_needs(self, author_client):
        entry = due(-3, title="Visits desk", contact_email="desk@example.org", assured_on=date(2026, 3, 1))
        asked(entry, answer=Answer.GONE)
        due(3, title="Book list")
        text = report(author_client)
        assert all(words in text for words in ("Visits desk", "desk@example.org", "1 Mar 2026", "No longer offered"))
        assert all(words in text for words in ("Book list", "Not yet", "Never", "<svg"))
        assert "Book list" not in report(author_client, show="overdue")
        assert "Visits desk" not in report(author_client, show="soon")

    def test_shows_the_contacts_words_as_they_were_typed(self, author_client):
        asked(due(1, title="Visits desk"), answer=Answer.CHANGED, text="<script>alert(1)</script> New number")
        text = report(author_client, show="answers")
        assert "&lt;script&gt;alert(1)&lt;/script&gt; New number" in text
        assert "<script>alert(1)" not in text

    def test_what_is_dealt_with_is_listed_no_more(self, author_client):
        answer = asked(due(1), answer=Answer.CHANGED, text="New number")
        response = author_client.post(reverse("hub_care_done", args=[answer.pk]), {"show": "answers"})
        assert response.url == reverse("hub_care") + "?show=answers"
        assert "New number" not in report(author_client, show="answers")

    def test_an_entry_is_marked_by_its_button(self, author_client):
        entry = due(-3)
        response = author_client.post(reverse("hub_care_checked", args=[entry.pk]), {"show": "overdue"})
        assert response.url == reverse("hub_care") + "?show=overdue"
        assert Entry.objects.get(pk=entry.pk).assured_on == today()
        assert PageLogEntry.objects.get(action=caring.CHECKED).user.first_name == "Ann"

    def test_a_made_up_list_leads_nowhere_else(self, author_client):
        entry = due(-3)
        data = {"show": "https://example.org/"}
        assert author_client.post(reverse("hub_care_checked", args=[entry.pk]), data).url == reverse("hub_care")

    @pytest.mark.parametrize("name", ["hub_care_checked", "hub_care_ask", "hub_care_done"])
    def test_acts_need_a_post_and_something_to_act_on(self, author_client, name):
        assert author_client.get(reverse(name, args=[1])).status_code == 405
        assert author_client.post(reverse(name, args=[999999])).status_code == 404

    def test_what_is_not_live_is_not_marked(self, author_client):
        entry = due(-3, live=False)
        assert author_client.post(reverse("hub_care_checked", args=[entry.pk])).status_code == 404

    @pytest.mark.parametrize("query", ["show=%00", "show=<script>", "p=999999", "p=x", "show=" + "a" * 10_000])
    def test_a_made_up_address_shows_the_page(self, author_client, query):
        due(1)
        assert author_client.get(f"{reverse('hub_care')}?{query}").status_code == 200

    def test_takes_as_many_queries_however_long_it_is(self, author_client):
        def queries(**query):
            with CaptureQueriesContext(
                connection,
            ) as captured:
                report(author_client, **query)
            return len(captured)

        def add(number):
            for _ in range(number):
                asked(due(1, contact_email="desk@example.org"), answer=Answer.CHANGED, text="New number")

        add(2)
        report(author_client)
        few = [queries(), queries(show="answers")]
        add(8)
        assert [queries(), queries(show="answers")] == few

    @pytest.mark.parametrize("name", ["hub_care", "hub_care_file", "hub_links", "hub_messages"])
    def test_is_for_editors_only(self, client, member_client, name):
        adviser = Client()
        user = User.objects.create(email="adviser@example.org")
        user.groups.add(Group.objects.get(name="Helpline adviser"))
        adviser.force_login(user)
        for other in (client, member_client, adviser):
            assert other.get(reverse(name)).status_code in {302, 403}


class TestFile:
    def lines(self, client, **query):
        response = client.get(reverse("hub_care_file"), query)
        assert response["Content-Disposition"].startswith("attachment")
        return b"".join(response.streaming_content).decode("utf-8-sig").splitlines()

    def test_has_a_line_for_each_entry_that_is_due(self, author_client, monkeypatch):
        monkeypatch.setattr("cms.desk.care.BATCH", 2)
        asked(due(-2, title="First", contact_email="desk@example.org"), answer=Answer.CORRECT)
        for title in ("Second", "Third"):
            due(4, title=title)
        head, first, *rest = self.lines(author_client)
        assert head.startswith("Title,Kind,Address,Review due")
        assert first.startswith("First,Resource,")
        assert first.endswith(",Still correct")
        assert [line.split(",")[0] for line in rest] == ["Second", "Third"]
        assert len(self.lines(author_client, show="overdue")) == 2

    def test_runs_nothing_in_a_spreadsheet(self, author_client):
        due(1, title="=1+1")
        assert self.lines(author_client)[1].startswith("'=1+1,")
