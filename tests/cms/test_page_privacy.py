"""Entries behind page privacy are in no mail, and no form says their names."""

import pytest
from bs4 import BeautifulSoup
from django.core.files.base import ContentFile
from django.utils import timezone
from wagtail.documents import get_document_model
from wagtail.models import Collection, CollectionViewRestriction, PageViewRestriction

from cms.assuring import CannotAsk, ask_now, to_ask
from cms.models import Kind
from newsletter.compiling import announced_before
from newsletter.periods import Period
from tests.cms.care import due
from tests.cms.privacy import put_away
from tests.factories import PERIOD, entry

pytestmark = pytest.mark.django_db


def test_contacts_are_not_asked_about_them():
    hidden, shown = due(1, contact_email="desk@example.org"), due(1, contact_email="desk@example.org")
    put_away(hidden)
    assert [page.pk for page in to_ask(timezone.now())] == [shown.pk]
    with pytest.raises(CannotAsk):
        ask_now(entry=hidden, by=None)


def test_e_news_does_not_announce_them():
    hidden, shown = entry(title="Hidden"), entry(title="Shown")
    put_away(hidden)
    assert [page.title for page in announced_before(Period.parse(PERIOD))] == [shown.title]


def test_contact_form_does_not_say_their_titles(client):
    page = entry(title="Hidden from strangers")
    address = f"/contact/?entry={page.pk}"
    assert "Hidden from strangers" in client.get(address).content.decode()
    put_away(page)
    assert "Hidden from strangers" not in client.get(address).content.decode()


@pytest.mark.parametrize("kind", [Kind.RESOURCE, Kind.EVENT, Kind.CASE_STUDY])
def test_a_page_behind_a_password_asks_for_it_and_says_nothing_of_itself(client, kind):
    page = entry(kind, title="Hidden title", summary="Hidden summary", body="<p>Hidden body</p>")
    PageViewRestriction.objects.filter(page=page).delete()
    PageViewRestriction.objects.create(page=page, restriction_type="password", password="open sesame")
    asked = client.get(page.url)
    text = asked.content.decode()
    assert "Hidden" not in text
    assert '<meta name="viewport"' in text, "it is one of our pages"
    form = BeautifulSoup(text, "html.parser").select_one("main form")
    sent = {field["name"]: field.get("value", "") for field in form.select("input[name]")}
    wrong = client.post(form["action"], sent | {"password": "sesame"}).content.decode()
    assert "Hidden" not in wrong
    assert "not correct" in wrong
    opened = client.post(form["action"], sent | {"password": "open sesame"}, follow=True)
    assert "Hidden body" in opened.content.decode()


def test_a_document_behind_a_password_asks_for_it_on_a_page_of_ours(client):
    collection = Collection.get_first_root_node().add_child(name="Put away")
    CollectionViewRestriction.objects.create(collection=collection, restriction_type="password", password="sesame")
    file = ContentFile(b"hidden", name="hidden.pdf")
    document = get_document_model().objects.create(title="Hidden title", file=file, collection=collection)
    text = client.get(document.url).content.decode()
    assert "This document is for people" in text
    assert '<meta name="viewport"' in text
    assert "Hidden title" not in text
