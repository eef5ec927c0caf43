"""The page “Who gets what”: what it shows of a draft, an approved and a frozen issue, and marking it as seen."""

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import PageLogEntry

from membership.audiences import assign_audiences
from membership.models import Audience, User
from newsletter.approving import approve, version_of
from newsletter.differences import keep
from newsletter.editions import IssueEditions
from newsletter.freezing import freeze
from newsletter.models import Issue, Item, NewsletterSettings, SeenEditions
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(client):
    person = User.objects.create_superuser("editor@example.org", None)
    client.force_login(person)
    return person


@pytest.fixture
def draft(db):
    """An issue that nobody has approved, and two members who would get it."""
    pages = [
        factories.entry(title="For everyone"),
        factories.entry(title="For health", sectors=["health"]),
        factories.entry(title="For schools in London", sectors=["schools"], regions=["london"]),
    ]
    factories.subscription(sectors=["health"], region_slug="london")
    factories.subscription(sectors=["schools"], region_slug="london")
    assign_audiences()
    return factories.issue(pages=pages)


def address(issue, **query):
    return reverse("newsletter_editions", args=[issue.pk], query=query)


def look(client, issue, **query):
    response = client.get(address(issue, **query))
    assert response.status_code == 200
    return response


def mark(client, issue, **changed):
    data = {"version": version_of(issue), **changed}
    return client.post(reverse("newsletter_mark_seen", args=[issue.pk]), data, follow=True)


def said(response):
    return " ".join(response.content.decode().split())


def edited(issue, headline):
    """The issue with another draft, in which its first item says something else."""
    again = Issue.objects.get(pk=issue.pk).get_latest_revision_as_object()
    items = list(again.items.all())
    items[0].headline = headline
    again.items = items
    again.save_revision()
    return Issue.objects.get(pk=issue.pk)


class TestTable:
    def test_sectors_are_columns_and_regions_a_choice(self, client, editor, draft):
        page = look(client, draft)
        assert page.context["matrix"].regions == 9
        assert "carried in 1 of 9 regions" in said(page)
        assert "London only" in said(page)
        page = look(client, draft, region="london")
        assert '<option value="london" selected>' in said(page)
        assert page.context["matrix"].regions == 0
        assert [one.items for one in page.context["matrix"].columns if one.name == "Schools"] == [2]

    def test_regions_are_columns_and_sectors_a_choice(self, client, editor, draft):
        page = look(client, draft, view="regions", sector="schools")
        by_name = {one.name: one.items for one in page.context["matrix"].columns}
        assert (by_name["London"], by_name["North East"], by_name["No region"]) == (2, 1, 1)
        assert '<option value="schools" selected>' in said(page)
        assert look(client, draft, view="regions").context["chosen"] is None

    @pytest.mark.parametrize("query", [{"region": "nowhere"}, {"view": "else"}, {"since": "x", "version": "y"}])
    def test_unknown_words_in_the_address_are_ignored(self, client, editor, draft, query):
        assert len(look(client, draft, **query).context["matrix"].columns) == 9

    def test_left_out_is_struck_and_named(self, client, editor, draft):
        Item.objects.filter(page__title="For health").update(left_out=True)
        assert "<s>For health</s>" in said(look(client, draft))
        assert "Left out" in said(look(client, draft))

    def test_text_of_an_editor_is_no_html(self, client, editor, draft):
        Item.objects.filter(page__title="For everyone").update(headline="<script>alert(1)</script>")
        keep(draft, IssueEditions(draft), "seen", editor)
        Item.objects.filter(page__title="For everyone").update(left_out=True)
        assert "<script>alert(1)" not in said(look(client, draft))
        assert "&lt;script&gt;alert(1)" in said(look(client, draft))

    def test_issue_without_items(self, client, editor):
        assert "has no items yet" in said(look(client, factories.issue()))


class TestEditions:
    def test_each_leads_to_the_readers_preview(self, client, editor, draft):
        page = look(client, draft)
        for audience in Audience.objects.all():
            assert f"{reverse('newsletter_reader', args=[draft.pk])}?audience={audience.pk}" in said(page)
        assert (page.context["readership"].count, page.context["readership"].reached) == (2, 2)

    def test_latest_draft_is_shown_not_what_was_saved_before(self, client, editor, draft):
        changed = edited(draft, "Newer words")
        assert "Newer words" in said(look(client, changed))

    def test_frozen_issue_shows_what_was_frozen(self, client, editor, issue):
        factories.subscription(sectors=["schools"])
        factories.subscription(sectors=["schools"], suppressed=True)
        freeze(issue)
        factories.subscription(sectors=["health"])
        assign_audiences()
        page = look(client, issue)
        assert [(one.headlines, one.members) for one in page.context["readership"].editions] == [
            (("For schools", "For everyone"), 1)
        ]
        assert "Suppressed: 1" in said(page)
        assert "Mark as seen" not in said(page)

    def test_correction_has_no_such_page(self, client, editor, issue):
        correction = factories.issue("2026-10-c1", corrects=issue.items.first())
        response = client.get(address(correction))
        assert (response.status_code, response["Location"]) == (302, reverse("newsletter_issue", args=[correction.pk]))


class TestVersions:
    @pytest.fixture
    def approved(self, draft):
        draft.save_revision()
        approver = User.objects.create_superuser("approver@example.org", None)
        return approve(Issue.objects.get(pk=draft.pk), by=approver)

    def test_approved_version_alone_when_nothing_has_changed(self, client, editor, approved):
        page = look(client, approved)
        assert (page.context["version"].approved, page.context["version"].differs) == (True, False)
        assert "version=approved" not in said(page)

    def test_both_when_the_draft_was_changed_since(self, client, editor, approved):
        changed = edited(approved, "Newer words")
        page = look(client, changed)
        assert "Newer words" in said(page)
        assert "version=approved" in said(page)
        page = look(client, changed, version="approved")
        assert page.context["version"].approved
        assert "Newer words" not in said(page)
        assert "Mark as seen" not in said(page)  # what would be kept is the draft

    def test_both_when_an_entry_was_changed_since(self, client, editor, approved):
        page = approved.items.first().page.specific
        page.title = "Newer title"
        page.save_revision().publish()
        assert "Newer title" in said(look(client, approved))
        assert "Newer title" not in said(look(client, approved, version="approved"))

    def test_both_when_the_limit_was_changed_since(self, client, editor, approved):
        NewsletterSettings.objects.update_or_create(defaults={"items_per_edition": 1})
        assert look(client, approved).context["limit"] == 1
        assert look(client, approved, version="approved").context["limit"] == 12


class TestChanges:
    def test_without_a_look_there_is_nothing_to_compare(self, client, editor, draft):
        assert "Mark the editions as seen" in said(look(client, draft))

    def test_marked_as_seen_then_changed(self, client, editor, draft):
        assert "Marked as seen" in said(mark(client, draft))
        assert "No change" in said(look(client, draft))
        Item.objects.filter(page__title="For health").update(left_out=True)
        page = look(client, draft)
        assert "since you marked it as seen on" in said(page)
        assert page.context["changes"].members == 1
        assert "1 taken out" in said(page)
        assert PageLogEntry.objects.filter(page=draft.pk, action="newsletter.seen", user=editor).count() == 1

    def test_what_a_colleague_has_seen_is_not_mine(self, client, editor, draft):
        keep(draft, IssueEditions(draft), "seen", factories.UserFactory())
        assert look(client, draft).context["bases"] == {}

    def test_base_can_be_the_last_approval(self, client, editor, draft):
        for headline in ("First approval", "Second approval"):
            Item.objects.filter(page__title="For everyone").update(headline=headline)
            keep(draft, IssueEditions(Issue.objects.get(pk=draft.pk)), "approved", editor)
        assert "it was approved on" in said(look(client, draft))
        Item.objects.filter(page__title="For everyone").update(headline="Now")
        mark(client, draft)
        assert "No change" in said(look(client, draft))
        page = look(client, draft, since="approved")
        assert page.context["since"].why == "approved"
        assert page.context["changes"].items.reworded == ("Now",)
        old = [row[2] for row in page.context["since"].editions["items"]]
        assert "Second approval" in old

    def test_a_draft_changed_meanwhile_is_not_marked(self, client, editor, draft):
        draft.save_revision()
        stale = Issue.objects.get(pk=draft.pk)
        edited(stale, "Newer words")
        assert "look at it again" in said(mark(client, stale))
        assert not SeenEditions.objects.exists()

    def test_frozen_issue_cannot_be_marked(self, client, editor, issue):
        factories.subscription()
        freeze(issue)
        assert "do not change any more" in said(mark(client, issue))
        assert not SeenEditions.objects.exists()

    def test_looking_changes_nothing(self, client, editor, draft):
        assert client.get(reverse("newsletter_mark_seen", args=[draft.pk])).status_code == 405
        look(client, draft)
        assert not SeenEditions.objects.exists()


class TestRights:
    def test_others_get_neither_page_nor_mark(self, client, draft):
        person = factories.UserFactory()
        client.force_login(person)
        assert client.get(address(draft)).status_code == 302
        assert mark(client, draft).redirect_chain
        person.is_staff = True
        person.save()
        moderators = Group.objects.create(name="Nothing but the admin")
        moderators.permissions.add(*_access_admin())
        person.groups.add(moderators)
        assert "Items and readers" not in said(client.get(address(draft), follow=True))
        mark(client, draft)
        assert not SeenEditions.objects.exists()


def _access_admin():
    from django.contrib.auth.models import Permission

    return Permission.objects.filter(codename="access_admin")


def test_number_of_queries_does_not_grow(client, editor):
    def queries(period, items):
        pages = [
            factories.entry(sectors=[["health", "schools"][number % 2]] if number % 3 else [], regions=["london"])
            for number in range(items)
        ]
        issue = factories.issue(period, pages=pages)
        assign_audiences()
        keep(issue, IssueEditions(issue), "seen", editor)
        Item.objects.filter(issue=issue).order_by("pk").first().delete()
        look(client, issue)
        with CaptureQueriesContext(connection) as captured:
            page = look(client, issue)
        assert page.context["changes"].items.removed
        return len(captured)

    factories.subscription(sectors=["health"], region_slug="london")
    few = queries("2026-10", 4)
    for number in range(12):
        factories.subscription(sectors=[["health", "schools", "prisons"][number % 3]], region_slug="london")
    assert queries("2026-11", 40) == few
