"""Searches that found nothing: words only, counted once, bounded, and looked after by editors."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms import fruitless
from cms.fruitless import note_fruitless
from cms.models import FruitlessSearch
from tests.factories import entry

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 22)


def kept():
    return dict(FruitlessSearch.objects.values_list("words", "times"))


def test_each_search_is_counted_once_with_its_words_only(client):
    entry(title="Visits")
    for address in ("?q=Xylophone++Lessons", "?q=xylophone+lessons&region=london"):
        client.get(f"/directory/{address}")
    for address in (
        "?q=xylophone+lessons&page=2",
        "?q=xylophone+lessons&sort=title",
        "?q=visits",
        "?q=vists",
        "?kind=event",
    ):
        client.get(f"/directory/{address}")
    assert kept() == {"xylophone lessons": 2}
    assert FruitlessSearch.objects.get().last_on == timezone.localdate()


def test_choosing_a_facet_in_place_is_no_new_search(client):
    htmx = {"HX-Request": "true"}
    client.get("/directory/?q=xylophone", headers={**htmx, "HX-Trigger": "filters"})
    client.get("/directory/?q=xylophone&kind=event", headers={**htmx, "HX-Trigger": "narrow"})
    assert kept() == {"xylophone": 1}


def test_words_that_other_choices_rule_out_are_not_in_vain(client):
    entry(title="Visits")
    client.get("/directory/?q=visits&kind=event")
    assert kept() == {}


@pytest.mark.parametrize(
    "words", ["john smith A1234BC hmp durham", "a1234bc", "sam@example.org", "sam 0191 498 0123", "a1b2c3d4e5", " ", ""]
)
def test_what_may_be_about_a_person_is_not_kept(words):
    assert not note_fruitless(words=words, today=DAY)
    assert kept() == {}


def test_long_words_are_cut_and_counted_as_the_same():
    for _ in range(2):
        note_fruitless(words="Long " * 40, today=DAY)
    assert list(kept().values()) == [2]
    assert len(next(iter(kept()))) <= 120


def test_only_so_many_are_kept_and_known_ones_still_counted(monkeypatch):
    monkeypatch.setattr(fruitless, "MOST", 1)
    assert note_fruitless(words="one", today=DAY)
    assert not note_fruitless(words="two", today=DAY)
    assert note_fruitless(words="one", today=DAY)
    assert kept() == {"one": 2}


def test_editors_see_the_most_frequent_first_and_settle_them(superuser_client):
    for times, words in enumerate(("rare", "<b>frequent</b> & co"), start=1):
        for _ in range(times):
            note_fruitless(words=words, today=DAY)
    text = superuser_client.get("/admin/hub/searches/").content.decode()
    assert text.index("&lt;b&gt;frequent") < text.index("rare")
    assert "/directory/?q=%3Cb%3Efrequent%3C%2Fb%3E%20%26%20co" in text
    row = FruitlessSearch.objects.get(words="rare")
    settle = f"/admin/hub/searches/{row.pk}/settle/"
    assert superuser_client.get(settle).status_code == 405
    for _ in range(2):
        assert superuser_client.post(settle).status_code == 302
    assert list(kept()) == ["<b>frequent</b> & co"]


def test_report_is_for_those_who_care_for_entries(client, member_client):
    for reader in (client, member_client):
        assert reader.get("/admin/hub/searches/").status_code == 302
        assert reader.post("/admin/hub/searches/1/settle/").status_code == 302


def test_report_costs_the_same_for_few_and_many(superuser_client):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert superuser_client.get("/admin/hub/searches/").status_code == 200
        return len(captured)

    for number in range(3):
        note_fruitless(words=f"word {number}", today=DAY)
    queries()
    few = queries()
    for number in range(3, 45):
        note_fruitless(words=f"word {number}", today=DAY)
    assert queries() == few
