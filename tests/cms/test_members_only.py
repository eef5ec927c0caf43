"""Case studies: members read them; everybody else gets a teaser at the same address, and nothing of what they say."""

from datetime import date

import pytest
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.urls import reverse
from wagtail.documents import get_document_model
from wagtail.models import PageViewRestriction

from cms.models import AgeGroup, Kind, Topic
from tests.factories import entry

pytestmark = pytest.mark.django_db
SECRETS = ("secret-body", "secret-setting", "secret-change", "secret-document", "secret-link", "secret-contact")


@pytest.fixture
def case_study():
    document = get_document_model().objects.create(
        title="secret-document", file=ContentFile(b"secret", name="secret-document.pdf")
    )
    page = entry(
        Kind.CASE_STUDY,
        title="A nursery that asked",
        summary="What one nursery tried.",
        body="<p>secret-body</p>",
        setting="secret-setting",
        what_changed="secret-change",
        document=document,
        link="https://example.org/secret-link",
        contact_email="secret-contact@example.org",
        sectors=["early-years"],
        regions=["london"],
    )
    page.topics.set([Topic.objects.get(slug="stigma")])
    page.age_groups.set([AgeGroup.objects.get(slug="3-to-4")])
    page.save()
    return page


@pytest.mark.parametrize("reader", ["client", "outsider_client"])
def test_who_is_not_a_member_gets_a_teaser_and_nothing_of_what_it_says(case_study, reader, request):
    response = request.getfixturevalue(reader).get(case_study.url)
    text = response.content.decode()
    assert response.status_code == 200
    told = ("A nursery that asked", "What one nursery tried.", "Early years", "London", "3 to 4", "Stigma", "Members")
    assert [words for words in told if words not in text] == []
    assert [words for words in SECRETS if words in text] == []
    assert reverse("join") in text


def test_member_reads_the_whole_of_it(case_study, member_client):
    text = member_client.get(case_study.url).content.decode()
    assert all(words in text for words in ("secret-body", "secret-setting", "secret-change", "secret-document"))
    assert "secret-contact" not in text, "who confirms an entry is never shown"


def test_superuser_reads_it_too(case_study, superuser_client):
    assert b"secret-body" in superuser_client.get(case_study.url).content


def test_teaser_leads_to_the_one_login_and_back(case_study, client):
    text = client.get(case_study.url).content.decode()
    assert f'href="{reverse("account_login")}?next={case_study.url}"' in text


def test_teaser_tells_who_is_logged_in_what_to_do(case_study, outsider_client):
    text = outsider_client.get(case_study.url).content.decode()
    assert reverse("resend") in text
    assert "?next=" not in text, "logging in again would lead round in circles"


@pytest.mark.parametrize("reader", ["client", "outsider_client", "member_client"])
def test_neither_teaser_nor_whole_may_be_kept_for_somebody_else(case_study, reader, request):
    response = request.getfixturevalue(reader).get(case_study.url)
    assert "private" in response["Cache-Control"]
    assert "no-store" in response["Cache-Control"]
    assert "Cookie" in response["Vary"]


def test_teaser_answers_head(case_study, client):
    response = client.head(case_study.url)
    assert (response.status_code, response.content) == (200, b"")


def test_copy_of_a_case_study_is_teased_too(case_study, client):
    copy = case_study.copy(update_attrs={"slug": "copy"})
    response = client.get(copy.url)
    assert response.status_code == 200
    assert b"secret-body" not in response.content


def test_draft_of_a_case_study_is_not_there(client, member_client):
    page = entry(Kind.CASE_STUDY, live=False, setting="A nursery")
    assert client.get(page.url).status_code == 404
    assert member_client.get(page.url).status_code == 404


def test_editor_previews_it_in_the_admin(case_study, superuser_client):
    case_study.save_revision()
    address = reverse("wagtailadmin_pages:view_draft", args=[case_study.pk])
    assert b"secret-body" in superuser_client.get(address).content


# --- Pages that are private for another reason --------------------------------------------------


def _keep_for(page, *groups):
    restriction = PageViewRestriction.objects.create(page=page, restriction_type=PageViewRestriction.GROUPS)
    restriction.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])


@pytest.mark.parametrize("where", ["the page itself", "the page above it"])
def test_case_study_kept_for_others_is_not_teased_even_to_members(case_study, client, member_client, where):
    _keep_for(case_study if where == "the page itself" else case_study.get_parent(), "Trustees")
    assert client.get(case_study.url).status_code == 302
    refused = member_client.get(case_study.url)
    assert refused.status_code == 403
    assert b"A nursery that asked" not in refused.content


def test_other_private_pages_are_refused_plainly_and_without_circles(client, outsider_client):
    page = entry(body="<p>What nobody else may read</p>")
    _keep_for(page, "Trustees")
    assert client.get(page.url)["Location"] == f"{reverse('account_login')}?next={page.url}"
    refused = outsider_client.get(page.url, follow=True)  # raises RedirectCycleError when it never ends
    assert refused.status_code == 403
    assert b"nobody else" not in refused.content


def test_case_study_that_was_made_public_is_shown(case_study, client):
    case_study.get_view_restrictions().delete()
    case_study.refresh_from_db()
    assert case_study.anonymity_checked_on == date(2026, 10, 1)
    assert b"secret-body" in client.get(case_study.url).content
