"""The Wagtail admin: what editors and superusers can open and do there."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from cms.models import Entry, Kind, Resource
from cms.site import directory_page
from tests.cms.forms import FORMS, entry_form
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def add_address(kind):
    return reverse("wagtailadmin_pages:add", args=["cms", FORMS[kind][0], directory_page().pk])


@pytest.fixture
def author_client():
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Author"))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("kind", Kind)
def test_create_form_of_each_kind_opens(superuser_client, kind):
    response = superuser_client.get(add_address(kind))
    assert response.status_code == 200
    own = set(FORMS[kind][1])
    assert own | {"title", "summary", "sectors", "regions", "review_due"} <= set(response.context["form"].fields)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.CASE_STUDY])
def test_each_kind_can_be_published_from_its_form(superuser_client, client, kind):
    data = entry_form("From the form", **FORMS[kind][1]) | {"action-publish": "1"}
    assert superuser_client.post(add_address(kind), data).status_code == 302
    page = Entry.objects.get(slug="from-the-form")
    assert (page.kind, page.live) == (kind, True)
    assert client.get("/directory/from-the-form/").status_code == 200


@pytest.mark.parametrize("model", ["sector", "region", "topic", "agegroup"])
def test_taxonomy_lists_open(superuser_client, model):
    response = superuser_client.get(reverse(f"wagtailsnippets_cms_{model}:list"))
    assert response.status_code == 200
    assert superuser_client.get(reverse(f"wagtailsnippets_cms_{model}:add")).status_code == 200


def test_author_can_create_a_draft(author_client):
    response = author_client.post(add_address(Kind.RESOURCE), entry_form("A draft", format="factsheet"))
    assert response.status_code == 302
    assert not Resource.objects.get(slug="a-draft").live


def test_author_can_publish(author_client):
    data = entry_form("Ready", format="factsheet") | {"action-publish": "1"}
    assert author_client.post(add_address(Kind.RESOURCE), data).status_code == 302
    assert Resource.objects.get(slug="ready").live


def test_member_has_no_way_into_the_admin(member_client):
    assert member_client.get("/admin/").status_code != 200
    assert member_client.post(add_address(Kind.RESOURCE), entry_form("Mine", format="factsheet")).status_code != 200
    assert not Resource.objects.exists()


def test_member_at_the_admin_is_not_sent_round_in_circles(member_client):
    assert member_client.get("/admin/", follow=True).status_code == 403


def test_staff_account_with_an_impossible_address_is_refused_at_the_field(superuser_client):
    secret = "correct-horse-battery"
    response = superuser_client.post(
        reverse("wagtailusers_users:add"),
        {
            "email": "person@corp.test",  # reserved names such as .test cannot receive mail
            "first_name": "Sam",
            "last_name": "Sample",
            "password1": secret,
            "password2": secret,
        },
    )
    assert response.status_code == 200
    assert "email" in response.context["form"].errors
