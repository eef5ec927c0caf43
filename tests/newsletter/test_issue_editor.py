"""The editor of an issue, as an editor's browser uses it: items added by hand, and saving by itself while they type."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from wagtail.test.utils.form_data import inline_formset, nested_form_data, rich_text, streamfield

from newsletter.approving import approve
from newsletter.models import Issue
from newsletter.site import APPROVERS_GROUP
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def author(client: Client):
    person = factories.UserFactory(email="author@example.org")
    person.groups.add(Group.objects.get(name="Author"))
    client.force_login(person)
    return person


@pytest.fixture
def issue() -> Issue:
    made = factories.issue(pages=[factories.entry(title="First")])
    made.save_revision()
    return Issue.objects.get(pk=made.pk)


def row(page=None, pk="", **fields):
    return {
        **{"id": pk, "page": page.pk if page else "", "section": "", "headline": "", "summary": ""},
        **{"image": "", "image_alt": "", **fields},
    }


def form(issue: Issue, *rows, **fields):
    own = issue.items.get()
    items = [row(own.page, own.pk, section=own.section), *rows]
    return nested_form_data(
        {
            **{"title": issue.title, "slug": issue.slug, "period": issue.period, "subject": "A new subject"},
            **{"preheader": "", "introduction": rich_text("<p>Welcome.</p>"), "announcements": streamfield([])},
            **{"items": inline_formset(items, initial=1), "comments": inline_formset([]), **fields},
        }
    )


def save(client: Client, issue: Issue, *rows, by_itself=False, **fields):
    headers = {"accept": "application/json"} if by_itself else {}
    return client.post(
        reverse("wagtailadmin_pages:edit", args=[issue.pk]), form(issue, *rows, **fields), headers=headers
    )


def draft(issue: Issue) -> Issue:
    return Issue.objects.get(pk=issue.pk).get_latest_revision_as_object()


@pytest.mark.parametrize("by_itself", [False, True], ids=["by hand", "by itself"])
def test_an_item_added_by_hand_stands_among_its_entrys_kind(client, author, issue, by_itself):
    """Its section may be left empty, and is while somebody is still choosing."""
    response = save(client, issue, row(factories.entry("service", title="Second")), by_itself=by_itself)
    assert response.status_code in {200, 302}
    assert [(str(item), item.section) for item in draft(issue).items.all()] == [
        ("First", "resource"),
        ("Second", "service"),
    ]
    for name in ("newsletter_editions", "newsletter_preflight", "newsletter_approve", "newsletter_reader"):
        assert client.get(reverse(name, args=[issue.pk])).status_code == 200


def test_a_row_without_an_entry_yet_breaks_nothing(client, author, issue):
    """“Add item” is pressed, and Wagtail saves before an entry is chosen."""
    assert save(client, issue, row(), by_itself=True).status_code < 500
    assert client.get(reverse("newsletter_editions", args=[issue.pk])).status_code == 200


@pytest.mark.parametrize("by_itself", [False, True], ids=["by hand", "by itself"])
def test_an_entry_that_is_carried_already_is_refused_in_a_sentence(client, author, issue, by_itself):
    carried = factories.entry(title="Carried")
    factories.issue("2026-09", pages=[carried])
    response = save(client, issue, row(carried, section="resource"), by_itself=by_itself)
    assert response.status_code in {200, 400}
    assert draft(issue).items.count() == 1
    again = save(client, issue, row(issue.items.get().page, section="resource"), by_itself=by_itself)
    assert again.status_code in {200, 400}
    assert draft(issue).items.count() == 1


def test_the_same_new_entry_twice_is_refused_in_a_sentence(client, author, issue):
    new = factories.entry(title="New")
    response = save(client, issue, row(new, section="resource"), row(new, section="resource"))
    assert response.status_code == 200
    assert "in this issue twice" in response.content.decode()


def test_an_open_editor_cannot_save_over_what_was_approved(client, author, issue):
    """Wagtail saves over the revision it began, which may meanwhile have been approved."""
    assert save(client, issue).status_code == 302
    begun = Issue.objects.get(pk=issue.pk).latest_revision
    approver = factories.UserFactory(email="approver@example.org")
    approver.groups.add(Group.objects.get(name=APPROVERS_GROUP))
    approved = approve(Issue.objects.get(pk=issue.pk), by=approver)
    save(client, issue, by_itself=True, subject="Never approved", overwrite_revision_id=str(begun.pk))
    live = Issue.objects.get(pk=issue.pk)
    assert live.live_revision == approved.live_revision
    assert live.live_revision.content["subject"] == "A new subject"
    assert live.subject == "A new subject"
