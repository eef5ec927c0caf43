"""Documents of case studies are for members; of what lies among the uploads, only scaled pictures are public."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from wagtail.documents.models import Document
from wagtail.models import Collection, PageViewRestriction
from wagtail.test.utils.form_data import rich_text

from cms.models import CaseStudy, Kind
from cms.private_files import ensure_members_collection
from cms.site import directory_page
from tests.cms.forms import FORMS, entry_form
from tests.cms.privacy import put_away
from tests.factories import UserFactory, entry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_uploads(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def indexed_at_once(django_capture_on_commit_callbacks):
    """Wagtail notes who uses a document when the transaction is committed."""
    return django_capture_on_commit_callbacks


@pytest.fixture
def document():
    return Document.objects.create(title="Notes", file=ContentFile(b"%PDF-1.7 notes", name="notes.pdf"))


def is_private(document):
    document.refresh_from_db()
    return document.collection == ensure_members_collection()


def link_to(document):
    return f'<p><a id="{document.pk}" linktype="document">Read it</a></p>'


def statuses(address, *browsers):
    return [browser.get(address).status_code for browser in browsers]


# --- Documents ----------------------------------------------------------------------------------


def test_collection_is_made_once_and_found_under_another_name():
    made = ensure_members_collection()
    made.name = "For members"
    made.save()
    assert ensure_members_collection() == made
    assert Collection.objects.filter(depth=2).count() == 1


def test_only_members_get_the_document_of_a_case_study(
    document, client, outsider_client, member_client, superuser_client
):
    assert statuses(document.url, client, outsider_client) == [200, 200]
    entry(Kind.CASE_STUDY, document=document)
    assert statuses(document.url, client, outsider_client, member_client, superuser_client) == [302, 403, 200, 200]


def test_document_linked_in_the_text_is_private_too(document, client, member_client):
    entry(Kind.CASE_STUDY, body=link_to(document))
    assert statuses(document.url, client, member_client) == [302, 200]


def test_documents_of_drafts_are_private(document, client):
    draft = entry(Kind.CASE_STUDY, live=False)
    draft.document = document
    draft.save_revision()
    assert is_private(document)
    assert statuses(document.url, client) == [302]


def test_document_linked_in_a_draft_of_a_live_case_study_is_private(document):
    page = entry(Kind.CASE_STUDY)
    page.body = link_to(document)
    page.save_revision()
    assert is_private(document)


def test_documents_of_other_entries_stay_public(document, client):
    entry(Kind.RESOURCE, document=document)
    assert statuses(document.url, client) == [200]


@pytest.mark.parametrize("how", ["document", "body"])
def test_document_of_pages_that_are_all_put_away_is_for_those_who_may_read_one(
    document, client, outsider_client, member_client, superuser_client, indexed_at_once, how
):
    fields = {"document": document} if how == "document" else {"body": link_to(document)}
    with indexed_at_once(execute=True):
        one, other = entry(Kind.RESOURCE, **fields), entry(Kind.POLICY, **fields)
    everybody = (client, outsider_client, member_client, superuser_client)
    put_away(one, "Members")
    assert statuses(document.url, *everybody) == [200] * 4, "the other page shows it to everybody"
    restriction = put_away(other, "Nobody")
    assert statuses(document.url, *everybody) == [302, 403, 200, 200]
    restriction.delete()
    other.unpublish()
    assert statuses(document.url, *everybody) == [302, 403, 200, 200]
    put_away(directory_page())
    assert statuses(document.url, *everybody) == [302, 403, 200, 200]


def test_document_of_a_page_behind_a_password_opens_with_the_page(document, client, member_client, indexed_at_once):
    with indexed_at_once(execute=True):
        page = entry(Kind.RESOURCE, document=document)
    behind = PageViewRestriction.objects.create(page=page, restriction_type="password", password="sesame")
    assert statuses(document.url, client, member_client) == [403, 403]
    sent = {"password": "sesame", "return_url": page.url}
    client.post(reverse("wagtailcore_authenticate_with_password", args=[behind.pk, page.pk]), sent)
    assert statuses(document.url, client, member_client) == [200, 403]


def test_document_that_no_page_uses_stays_public_whatever_is_put_away(document, client):
    put_away(entry(Kind.RESOURCE))
    assert statuses(document.url, client) == [200]


def test_document_cannot_be_put_back_among_the_public_ones(document, indexed_at_once):
    with indexed_at_once(execute=True):
        entry(Kind.CASE_STUDY, document=document)
    document.refresh_from_db()
    document.collection = Collection.get_first_root_node()
    document.save()
    assert is_private(document)


def add_to_collection(browser, collection, *documents):
    ids = "&".join(f"id={document.pk}" for document in documents)
    return browser.post(f"/admin/bulk/wagtaildocs/document/add_to_collection/?{ids}", {"collection": collection.pk})


def test_adding_many_to_a_public_collection_leaves_those_of_case_studies_private(
    document, client, superuser_client, indexed_at_once
):
    other = Document.objects.create(title="Other", file=ContentFile(b"%PDF-1.7 other", name="other.pdf"))
    with indexed_at_once(execute=True):
        entry(Kind.CASE_STUDY, document=document)
    public = Collection.get_first_root_node().add_child(instance=Collection(name="Public"))
    assert add_to_collection(superuser_client, public, document, other).status_code == 302
    other.refresh_from_db()
    assert other.collection == public
    assert is_private(document)
    assert statuses(document.url, client) == [302]


def test_document_of_a_case_study_is_for_members_wherever_it_lies(
    document, client, outsider_client, member_client, superuser_client, indexed_at_once
):
    with indexed_at_once(execute=True):
        entry(Kind.CASE_STUDY, body=link_to(document))
    Document.objects.update(collection=Collection.get_first_root_node())
    assert statuses(document.url, client, outsider_client, member_client, superuser_client) == [302, 403, 200, 200]


def test_document_that_a_public_page_uses_as_well_stays_public(document, client, indexed_at_once):
    with indexed_at_once(execute=True):
        entry(Kind.RESOURCE, document=document)
        entry(Kind.CASE_STUDY, document=document, live=False)
    assert statuses(document.url, client) == [200]


@pytest.mark.parametrize("how", ["document", "body"])
def test_case_study_with_a_public_document_is_not_published(document, client, indexed_at_once, how):
    with indexed_at_once(execute=True):
        entry(Kind.RESOURCE, document=document)
    fields = {"document": document} if how == "document" else {"body": link_to(document)}
    with pytest.raises(ValidationError, match="Upload a copy of “Notes”"):
        entry(Kind.CASE_STUDY, **fields)
    assert statuses(document.url, client) == [200], "the public page keeps its document"


def test_form_refuses_to_publish_with_a_public_document(document, superuser_client, indexed_at_once):
    with indexed_at_once(execute=True):
        entry(Kind.RESOURCE, body=link_to(document))
    address = reverse("wagtailadmin_pages:add", args=["cms", "casestudy", directory_page().pk])
    filled = entry_form(
        "A nursery that asked",
        **FORMS[Kind.CASE_STUDY][1],
        document=str(document.pk),
        anonymity_checked_by=str(UserFactory().pk),
        anonymity_checked_on=str(date(2026, 10, 1)),
    )
    answer = superuser_client.post(address, {**filled, "action-publish": "1"})
    assert answer.context["form"].errors["document"] == [
        "Upload a copy of “Notes” and use that instead: a public page has the same document, so everybody can read it."
    ]
    assert superuser_client.post(address, filled).status_code == 302, "a draft may be kept"
    assert not CaseStudy.objects.get().live


def test_form_publishes_with_a_document_of_its_own(document, superuser_client, client):
    address = reverse("wagtailadmin_pages:add", args=["cms", "casestudy", directory_page().pk])
    filled = entry_form(
        "A nursery that asked",
        **FORMS[Kind.CASE_STUDY][1],
        document=str(document.pk),
        anonymity_checked_by=str(UserFactory().pk),
        anonymity_checked_on="2026-10-01",
    )
    filled["body"] = rich_text("<p>All about it.</p>")
    assert superuser_client.post(address, {**filled, "action-publish": "1"}).status_code == 302
    assert CaseStudy.objects.get().live
    assert statuses(document.url, client) == [302]


# --- Pictures -----------------------------------------------------------------------------------


def put(name, content=b"content"):
    return default_storage.save(name, ContentFile(content))


def test_scaled_pictures_are_served(client, settings):
    put("images/one.width-400.jpg", b"a picture")
    answer = client.get("/media/images/one.width-400.jpg")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert b"".join(answer.streaming_content) == b"a picture"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "max-age" in answer["Cache-Control"]
    assert client.post("/media/images/one.width-400.jpg").status_code == 405


@pytest.mark.parametrize(
    "name",
    [
        "documents/notes.pdf",
        "documents/notes.jpg",
        "original_images/one.jpg",
        "images/page.html",
        "images/drawing.svg",
        "images/",
        "images",
        "",
        "images/missing.jpg",
        "images/../documents/notes.jpg",
        "images/%2e%2e/documents/notes.jpg",
        "images/..%2fdocuments%2fnotes.jpg",
        "images/..%5cdocuments%5cnotes.jpg",
        "images//etc/passwd.jpg",
        "images/x%00.jpg",
        "images/folder.jpg",
        "images/" + "x" * 5000 + ".jpg",
    ],
    ids=lambda name: name[:40],
)
def test_nothing_else_among_the_uploads_is_served(client, name):
    for there in (
        *("documents/notes.pdf", "documents/notes.jpg", "original_images/one.jpg", "images/page.html"),
        *("images/drawing.svg", "images/folder.jpg/inside.jpg"),
    ):
        put(there)
    assert client.get(f"/media/{name}").status_code in {301, 302, 404}
    assert client.get(f"/media/{name}", follow=True).status_code == 404


@pytest.mark.parametrize("debug", [True, False])
def test_it_is_the_same_in_every_mode(client, settings, debug):
    settings.DEBUG = debug
    put("documents/notes.pdf")
    put("images/one.png")
    assert client.get("/media/documents/notes.pdf").status_code == 404
    assert client.get("/media/images/one.png").status_code == 200
