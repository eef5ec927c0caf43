"""Saved entries and searches: kept by their member alone, bounded, and working without JavaScript."""

import re

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from membership import holdings, saving
from membership.audiences import SEARCH_ROOM, assign_audiences, audience_of
from membership.models import Audience, SavedEntry, SavedSearch, Subscription
from tests import factories
from tests.cms.privacy import put_away
from tests.factories import subscription

pytestmark = pytest.mark.django_db


class TestEntries:
    def test_saved_from_its_page_and_removed_again(self, log_in):
        entry, one = factories.entry(title="A toolkit"), subscription()
        browser, page = log_in(one), f"/directory/{entry.slug}/"
        assert "Save this entry" in browser.get(page).content.decode()
        for _ in range(2):
            response = browser.post(f"/account/saved/{entry.pk}/", {"act": "save"})
            assert (response.status_code, response["Location"]) == (302, page)
        assert SavedEntry.objects.filter(member=one.member, entry=entry).count() == 1
        assert "Saved: remove it" in browser.get(page).content.decode()
        assert "A toolkit" in browser.get("/account/").content.decode()
        browser.post(f"/account/saved/{entry.pk}/", {"act": "unsave", "from": "account"})
        assert not SavedEntry.objects.exists()

    def test_get_changes_nothing_and_leads_to_the_entry(self, log_in):
        entry = factories.entry()
        response = log_in(subscription()).get(f"/account/saved/{entry.pk}/")
        assert response["Location"] == f"/directory/{entry.slug}/"
        assert not SavedEntry.objects.exists()

    def test_others_are_led_to_the_login(self, client):
        entry = factories.entry()
        assert "Log in to save" in client.get(f"/directory/{entry.slug}/").content.decode()
        assert "/account/login/" in client.post(f"/account/saved/{entry.pk}/", {"act": "save"})["Location"]

    def test_staff_without_membership_have_no_button(self):
        browser = Client()
        browser.force_login(factories.UserFactory(is_staff=True))
        entry = factories.entry()
        assert "Save this entry" not in browser.get(f"/directory/{entry.slug}/").content.decode()
        assert browser.post(f"/account/saved/{entry.pk}/", {"act": "save"}).status_code == 302
        assert not SavedEntry.objects.exists()

    @pytest.mark.parametrize("live", [True, False])
    def test_unknown_and_unpublished_entries_cannot_be_saved(self, log_in, live):
        number = 999_999 if live else factories.entry(live=False).pk
        assert log_in(subscription()).post(f"/account/saved/{number}/", {"act": "save"}).status_code == 404

    @pytest.mark.parametrize("hide", [lambda entry: entry.unpublish(), put_away], ids=["unpublished", "private"])
    def test_entry_that_has_gone_is_not_named_and_can_be_removed(self, log_in, hide):
        entry, one = factories.entry(title="Withdrawn in a hurry", slug="in-a-hurry"), subscription()
        saving.save_entry(member=one.member, entry=entry)
        browser = log_in(one)
        assert "Withdrawn in a hurry" in browser.get("/account/").content.decode()
        hide(entry)
        for text in (browser.get("/account/").content.decode(), str(holdings.saved_entries(one.member))):
            assert "Withdrawn in a hurry" not in text
            assert "in-a-hurry" not in text
            assert "no longer on the website" in text
        browser.post(f"/account/saved/{entry.pk}/", {"act": "unsave", "from": "account"})
        assert not SavedEntry.objects.exists()

    def test_nobody_removes_what_others_saved(self, log_in):
        entry, one = factories.entry(), subscription()
        saving.save_entry(member=one.member, entry=entry)
        log_in(subscription()).post(f"/account/saved/{entry.pk}/", {"act": "unsave"})
        assert SavedEntry.objects.count() == 1

    def test_as_many_as_we_keep(self, monkeypatch):
        monkeypatch.setattr(saving, "MOST_ENTRIES", 1)
        one = subscription()
        saving.save_entry(member=one.member, entry=factories.entry())
        with pytest.raises(saving.SavingError, match="remove one first"):
            saving.save_entry(member=one.member, entry=factories.entry())


def save(one, address="q=visits", in_news=True):
    return saving.save_search(member=one.member, address=address, in_news=in_news)


class TestSearches:
    @pytest.mark.parametrize(
        ("address", "query", "title"),
        [
            ("q=visits&region=london", "q=visits&region=london", "visits, London"),
            ("region=london&q=+visits++now+", "q=visits+now&region=london", "visits now, London"),
            ("kind=funding&page=3&evil=1&topic=nonsense", "kind=funding", "Funding"),
            ("sector=health&q=a%26b%3Dc", "q=a%26b%3Dc&sector=health", "a&b=c, Health"),
            ("q=caf%C3%A9", "q=caf%C3%A9", "café"),
        ],
    )
    def test_is_kept_in_one_spelling(self, address, query, title):
        kept = save(subscription(), address)
        assert (kept.query, kept.title) == (query, title)

    @pytest.mark.parametrize("address", ["", "page=2", "q=+++", "kind=nonsense", "q=" + "%F0%9F%8F%A0" * 40, "%00"])
    def test_what_cannot_be_kept_is_said(self, address):
        with pytest.raises(saving.SavingError):
            save(subscription(), address)
        assert not SavedSearch.objects.exists()

    def test_the_same_search_is_kept_once(self):
        one = subscription()
        assert save(one, "q=visits&region=london") == save(one, "region=london&q=visits&page=4")

    def test_at_most_twenty(self):
        one = subscription()
        for number in range(saving.MOST_SEARCHES):
            save(one, f"q=word{number}", in_news=False)
        with pytest.raises(saving.SavingError, match="20 searches"):
            save(one, "q=another", in_news=False)

    def test_from_the_directory_and_back(self, log_in):
        one = subscription()
        browser = log_in(one)
        page = "/directory/?q=visits&region=london"
        form = browser.get(page).content.decode()
        assert "Save this search" in form
        assert not re.search(r'name="in_news"[^>]*checked', form), "more mail is the member's own choice"
        data = {"search": "q=visits&region=london", "in_news": "on"}
        response = browser.post("/account/searches/", data)
        assert response["Location"] == page
        assert "You have saved this search" in browser.get(page).content.decode()
        kept = SavedSearch.objects.get(member=one.member)
        assert kept.in_news
        assert "visits, London" in browser.get("/account/").content.decode()

    def test_directory_without_a_search_has_nothing_to_save(self, log_in):
        assert "Save this search" not in log_in(subscription()).get("/directory/").content.decode()

    def test_switch_and_delete(self, log_in):
        one = subscription()
        kept, browser = save(one), log_in(one)
        for act, in_news in (("off", False), ("off", False), ("on", True)):
            browser.post(f"/account/searches/{kept.pk}/", {"act": act})
            kept.refresh_from_db()
            assert kept.in_news is in_news
        browser.post(f"/account/searches/{kept.pk}/", {"act": "delete"})
        browser.post(f"/account/searches/{kept.pk}/", {"act": "delete"})
        assert not SavedSearch.objects.exists()

    @pytest.mark.parametrize("act", ["off", "delete"])
    def test_nobody_touches_the_searches_of_others(self, log_in, act):
        kept = save(subscription())
        log_in(subscription()).post(f"/account/searches/{kept.pk}/", {"act": act})
        kept.refresh_from_db()
        assert kept.in_news

    def test_get_changes_nothing(self, log_in):
        one = subscription()
        kept, browser = save(one), log_in(one)
        assert browser.get(f"/account/searches/{kept.pk}/?act=delete").status_code == 405
        assert browser.get("/account/searches/?search=q=x").status_code == 302
        assert SavedSearch.objects.count() == 1


class TestAudiences:
    def test_frequency_and_searches_are_part_of_it(self):
        one = subscription(frequency="quarterly")
        save(one, "q=b")
        save(one, "q=a")
        save(one, "q=silent", in_news=False)
        assert assign_audiences() == 1
        one.refresh_from_db()
        assert one.audience.quarterly
        assert set(one.audience.searches) == {"q=a", "q=b"}
        assert audience_of(one).key == one.audience.key

    @pytest.mark.parametrize("change", ["save", "switch", "delete"])
    def test_every_change_of_a_search_has_it_worked_out_again(self, change):
        one, other = subscription(), subscription()
        kept = save(one)
        assign_audiences()
        if change == "save":
            save(one, "q=more")
        elif change == "switch":
            saving.switch_search(member=one.member, search=kept.pk, in_news=False)
        else:
            saving.delete_search(member=one.member, search=kept.pk)
        audiences = dict(Subscription.objects.values_list("pk", "audience"))
        assert audiences[one.pk] is None
        assert audiences[other.pk] is not None

    def test_number_of_queries_does_not_grow_with_members_and_searches(self):
        def queries(members):
            for number in range(members):
                one = subscription(frequency="quarterly" if number % 2 else "monthly")
                save(one, f"q=word{number % 5}")
                save(one, f"q=other{number % 3}")
            with CaptureQueriesContext(connection) as captured:
                assert assign_audiences() == members
            return len(captured)

        assert queries(3) == queries(20)

    def test_key_always_fits(self):
        """Whatever members type, an audience's key stays within its column, and what is switched on is in it."""
        one = subscription(sectors=[found.slug for found in factories.cms.Sector.objects.all()])
        kept = 0
        for number in range(20):
            try:
                save(one, f"q={'%25' * 40}{number}&region=london&kind=case-study")
            except saving.SavingError:
                break
            kept += 1
        assert 0 < kept < 20
        assign_audiences()
        one.refresh_from_db()
        assert len(one.audience.searches) == kept
        assert len(one.audience.key) <= Audience._meta.get_field("key").max_length
        assert Audience._meta.get_field("key").max_length > SEARCH_ROOM + 250

    def test_one_that_does_not_fit_can_be_saved_but_not_added(self):
        one = subscription()
        for number in range(12):
            save(one, f"q={'x' * 90}{number:02d}")
        with pytest.raises(saving.SavingError, match="switch another one off"):
            save(one, f"q={'z' * 90}")
        quiet = save(one, f"q={'y' * 90}", in_news=False)
        with pytest.raises(saving.SavingError):
            saving.switch_search(member=one.member, search=quiet.pk, in_news=True)
        with pytest.raises(ObjectDoesNotExist):
            SavedSearch.objects.get(member=one.member, query__contains="yyy", in_news=True)


# --- Terms that get another slug ------------------------------------------------------------------


def kept_queries(member):
    return sorted(member.saved_searches.values_list("query", flat=True))


@pytest.mark.django_db
def test_saved_searches_follow_a_term_that_gets_another_slug():
    member = factories.subscription().member
    for address in ("q=visits&sector=health&sector=schools", "sector=health", "region=london"):
        saving.save_search(member=member, address=address, in_news=False)
    health = factories.sector("health")
    health.slug = "a-nhs"
    health.save()
    assert kept_queries(member) == ["q=visits&sector=a-nhs&sector=schools", "region=london", "sector=a-nhs"]
    assert all(saving.understand(query).canonical == query for query in kept_queries(member))


@pytest.mark.django_db
def test_a_search_that_a_member_has_already_is_not_kept_twice():
    member = factories.subscription().member
    factories.sector("schools").delete()
    saving.save_search(member=member, address="sector=health", in_news=False)
    SavedSearch.objects.create(member=member, query="sector=schools", title="Schools")
    health = factories.sector("health")
    health.slug = "schools"
    health.save()
    assert kept_queries(member) == ["sector=schools"]
