"""Who among the staff sees and may do what: pages, addresses, menu, groups."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from wagtail.models import ModelLogEntry

from membership import staff
from membership.models import Member
from tests.factories import subscription
from tests.membership.staffing import adviser, browser, editor, officer

pytestmark = pytest.mark.django_db

INDEX, RESULTS = reverse("members:index"), reverse("members:index_results")
LOOKING = [INDEX, RESULTS, reverse("members:overview"), reverse("members:find")]
IMPORTING = [reverse("members:import")]


def allowed(client, address):
    return client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("who", "looks", "imports", "exports"),
    [(editor, False, False, False), (adviser, True, False, False), (officer, True, True, True)],
)
def test_the_matrix(who, looks, imports, exports):
    one, client = subscription("ada@example.org"), who()
    pages = [*LOOKING, reverse("members:inspect", args=[one.member.pk])]
    assert [allowed(client, page) for page in pages] == [looks] * len(pages)
    assert [allowed(client, page) for page in IMPORTING] == [imports]
    for kind in ("csv", "xlsx"):
        assert allowed(client, f"{INDEX}?export={kind}") is exports
        assert allowed(client, f"{RESULTS}?export={kind}") is exports
    assert (reverse("members:index") in client.get("/admin/").content.decode()) is looks


def test_addresses_are_masked_unless_allowed():
    one = subscription("ada@example.org")
    pages = [INDEX, RESULTS, reverse("members:inspect", args=[one.member.pk])]
    for page in pages:
        assert "ada@example.org" not in adviser().get(page).content.decode(), page
        assert "a…@example.org" in adviser().get(page).content.decode(), page
        assert "ada@example.org" in officer().get(page).content.decode(), page


def test_an_export_masks_addresses_for_whoever_may_not_see_them():
    subscription("ada@example.org")
    client = browser(permissions=["view_member", "export_members"])
    text = b"".join(client.get(f"{INDEX}?export=csv").streaming_content).decode()
    assert "a…@example.org" in text
    assert "ada@" not in text


def test_an_adviser_changes_nothing():
    one = subscription()
    page = reverse("members:inspect", args=[one.member.pk])
    client = adviser()
    assert 'name="act"' not in client.get(page).content.decode()
    for act in ("pause", "resume", "end", "ask"):
        client.post(page, {"act": act})
    one.refresh_from_db()
    assert one.state == "active"
    assert not ModelLogEntry.objects.exists()
    assert client.get(reverse("members:end", args=[one.member.pk])).status_code == 302


@pytest.mark.parametrize("page", [*LOOKING, *IMPORTING])
def test_strangers_and_members_are_sent_away(page, log_in):
    assert Client().get(page).status_code == 302
    assert log_in(subscription()).get(page).status_code == 302


def test_a_permission_without_the_admin_is_worth_nothing(log_in):
    one = subscription()
    one.member.user.user_permissions.add(*Permission.objects.filter(content_type__model="member"))
    assert log_in(one).get(INDEX).status_code == 302


def test_the_groups_hold_what_they_need_and_no_more():
    def rights(name):
        return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))

    assert rights(staff.ADVISERS_GROUP) == {"access_admin", "view_member", "signpost", "see_enquiry_totals"}
    assert rights(staff.OFFICERS_GROUP) == {
        *("access_admin", "view_member", "change_member", "view_addresses", "export_members", "import_members"),
        "manage_suppressions",
    }


def test_making_the_groups_again_leaves_them_alone():
    group = Group.objects.get(name=staff.OFFICERS_GROUP)
    group.permissions.remove(Permission.objects.get(codename="export_members"))
    staff.ensure_staff_groups()
    staff.ensure_staff_groups()
    assert not group.permissions.filter(codename="export_members").exists()
    assert Permission.objects.filter(codename="view_addresses").count() == 1


def test_administrators_can_give_the_permissions_in_wagtail(admin_client):
    group = Group.objects.get(name=staff.ADVISERS_GROUP)
    page = admin_client.get(reverse("wagtailusers_groups:edit", args=[group.pk])).content.decode()
    assert "e-mail addresses" in page
    assert "Can export members" in page


@pytest.mark.parametrize("name", ["add", "edit", "delete", "copy", "history", "usage"])
def test_members_are_never_made_or_edited_here(name, admin_client):
    subscription()
    for path in (f"{INDEX}new/", f"{INDEX}{name}/{Member.objects.get().pk}/"):
        assert admin_client.get(path).status_code == 404
