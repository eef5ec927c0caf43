"""Entries behind page privacy are in no mail, and no form says their names."""

import pytest
from django.utils import timezone

from cms.assuring import CannotAsk, ask_now, to_ask
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
