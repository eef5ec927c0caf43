"""The editor of an entry shows how the e-news carried it and how it was read, and hides what names too few."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import GroupPagePermission

from cms.groups import AUTHORS_GROUP
from cms.models import Kind
from newsletter.models import Edition, EditionItem, Issue, Item, Mailing, Total
from tests import factories

HEADING = "How it was carried and read"


@pytest.fixture
def client(db) -> Client:
    person = factories.UserFactory(is_staff=True)
    person.groups.add(Group.objects.get(name=AUTHORS_GROUP))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def entry(db):
    return factories.entry(Kind.SERVICE, title="A visitor centre")


def carry(entry, period: str, *, editions: int = 1, **totals: int) -> Issue:
    """An issue with the entry in it that was sent, and its totals if there are any."""
    issue = factories.issue(period, pages=[], live=True)
    item = Item.objects.create(issue=issue, page=entry, announcement=issue.month.first_day, section=entry.kind)
    Mailing.objects.create(issue=issue, state="finished")
    for number in range(1, editions + 1):
        edition = Edition.objects.create(
            issue=issue, number=number, label="x", subject="x", html="x", text="x", content_hash=f"{number:064}"
        )
        EditionItem.objects.create(edition=edition, item=item, place=1)
    if totals:
        Total.objects.create(issue=issue, dimension=Total.Dimension.ITEM, key=str(item.pk), **totals)
    return issue


def panel(client: Client, entry) -> str:
    """The words of the panel, on one line."""
    page = client.get(reverse("wagtailadmin_pages:edit", args=[entry.pk]))
    assert page.status_code == 200
    text = page.content.decode()
    assert HEADING in text
    words = "Issues that carried this entry" if "Issues that carried this entry" in text else "No e-news has carried it"
    return " ".join(text[text.index(words) :].split())[:6000]


def test_what_was_measured_is_shown(client, entry):
    carry(entry, "2026-09", editions=3, sent=1200, agreed_clicks=400, clickers_human=60, clickers_machine=300)
    text = panel(client, entry)
    assert "September 2026" in text
    for figure in (">3<", "1,200", "400", "60 (15%)"):
        assert figure in text
    assert "300" not in text.partition("</table>")[0], "machines are no readers"


def test_cells_under_ten_are_hidden(client, entry):
    carry(entry, "2026-09", sent=1200, agreed_clicks=400, clickers_human=9)
    carry(entry, "2026-08", sent=40, agreed_clicks=9, clickers_human=9)
    text = panel(client, entry).partition("</table>")[0]
    assert text.count("under 10") == 3
    assert ">9<" not in text.replace(" ", "")


def test_not_counted_yet_not_carried_yet_and_a_new_entry(client, entry):
    assert "No e-news has carried it" in panel(client, entry)
    carry(entry, "2026-09")
    assert "Not counted yet" in panel(client, entry)
    new = client.get(reverse("wagtailadmin_pages:add", args=["cms", "service", entry.get_parent().pk]))
    assert new.status_code == 200
    assert HEADING not in new.content.decode()


def test_a_draft_that_holds_it_is_named_to_those_who_may_see_it(client, entry):
    factories.issue("2026-10", pages=[entry])
    text = panel(client, entry)
    assert "Chosen for" in text
    assert "October 2026" in text


def test_who_may_not_see_issues_sees_no_drafts_and_no_links(entry):
    carry(entry, "2026-09", sent=100, agreed_clicks=50, clickers_human=20)
    factories.issue("2026-12", pages=[])
    issue = Issue.objects.get(period="2026-12")
    Item.objects.create(issue=issue, page=entry, announcement=issue.month.first_day, section=entry.kind)
    group = Group.objects.create(name="Hub only")
    group.permissions.add(Permission.objects.get(codename="access_admin"))
    change = Permission.objects.get(content_type__app_label="wagtailcore", codename="change_page")
    GroupPagePermission.objects.create(group=group, page=entry.get_parent(), permission=change)
    person = factories.UserFactory(is_staff=True)
    person.groups.add(group)
    client = Client()
    client.force_login(person)
    text = panel(client, entry)
    assert "September 2026" in text
    assert "Chosen for" not in text
    assert "/admin/e-news/" not in text.partition("</table>")[0]


def test_other_pages_have_no_such_panel(client, entry):
    text = client.get(reverse("wagtailadmin_pages:edit", args=[factories.issue("2026-10").pk])).content.decode()
    assert HEADING not in text


def test_it_costs_the_same_however_often_it_was_carried(client, entry):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            panel(client, entry)
        return len(queries)

    carry(entry, "2026-09", sent=100, agreed_clicks=50, clickers_human=20)
    cost()
    once = cost()
    for month in range(1, 9):
        carry(entry, f"2026-{month:02}", editions=3, sent=100, agreed_clicks=50, clickers_human=20)
    assert cost() == once
