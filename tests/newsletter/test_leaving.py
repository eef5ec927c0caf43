"""Leaving by one click (RFC 8058), and choosing by the link in a mail."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import signing
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from membership import services
from membership.models import ConsentRecord, Subscription
from newsletter.models import Delivery, Departure, Rollup
from tests import factories
from tests.newsletter.fakes import erase, open_mailing, send_by_hand

UNKNOWN = ["x", "A" * 24, "A" * 23 + "=", "é" * 24, "A" * 2000, "..%2F..%2Fadmin"]
BODIES = {
    "urlencoded": {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
    "multipart": {"data": {"List-Unsubscribe": "One-Click"}},
    "empty": {"data": "", "content_type": "application/x-www-form-urlencoded"},
    "broken multipart": {"data": "rubbish", "content_type": "multipart/form-data"},
    "json": {"data": "{", "content_type": "application/json"},
}


@pytest.fixture
def ada(db) -> Subscription:
    return factories.subscription("ada@example.org")


@pytest.fixture
def token(ada) -> str:
    return send_by_hand(open_mailing([ada]))["ada"]


@pytest.fixture
def provider() -> Client:
    """A mailbox provider: it has no cookie, and Django's CSRF check is in force."""
    return Client(enforce_csrf_checks=True)


def state(person: Subscription) -> str:
    return Subscription.objects.get(pk=person.pk).state


def left_by() -> list[str]:
    return list(ConsentRecord.objects.filter(act="withdrawn").values_list("channel", flat=True))


class TestOneClick:
    @pytest.mark.parametrize("slash", ["/", ""])
    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
    def test_post_leaves_whatever_the_body(self, provider, ada, token, body, slash):
        response = provider.post(f"/e-news/u/{token}{slash}", **body)
        assert response.status_code == 200
        assert state(ada) == "ended"
        assert left_by() == ["one-click"]
        assert not response.cookies

    @pytest.mark.parametrize("slash", ["/", ""])
    @pytest.mark.parametrize("method", ["get", "head"])
    def test_looking_changes_nothing(self, provider, ada, token, method, slash):
        response = getattr(provider, method)(f"/e-news/u/{token}{slash}")
        assert response.status_code == 200
        assert state(ada) == "active"
        assert left_by() == []
        assert not response.cookies
        if method == "get":
            assert b"<form" in response.content

    def test_second_time_is_no_error_and_no_second_record(self, provider, ada, token):
        for _ in range(2):
            assert provider.post(f"/e-news/u/{token}/").status_code == 200
        assert left_by() == ["one-click"]
        assert b"<form method" not in provider.get(f"/e-news/u/{token}/").content

    def test_the_issue_by_which_somebody_left_is_noted_once(self, provider, ada, token):
        for _ in range(2):
            provider.post(f"/e-news/u/{token}/")
        assert Departure.objects.get().delivery.issue.period == "2026-10"
        assert Rollup.objects.get().stale_since

    def test_whoever_had_left_already_did_not_leave_by_this_mail(self, provider, ada, token):
        services.unsubscribe(subscription=ada, channel=ConsentRecord.Channel.STAFF)
        provider.post(f"/e-news/u/{token}/")
        assert not Departure.objects.exists()

    def test_leaving_that_is_taken_back_was_no_departure(self, provider, ada, token):
        provider.post(f"/e-news/u/{token}/")
        Rollup.objects.update(stale_since=None)
        assert services.undo_leaving(subscription=ada)
        assert not Departure.objects.exists()
        assert Rollup.objects.get().stale_since

    @pytest.mark.parametrize("method", ["get", "post", "head"])
    @pytest.mark.parametrize("wrong", UNKNOWN)
    def test_unknown_token_is_not_found(self, provider, ada, token, wrong, method):
        assert getattr(provider, method)(f"/e-news/u/{wrong}/").status_code == 404
        assert state(ada) == "active"

    def test_works_after_the_secret_key_was_changed(self, provider, ada, token, settings):
        settings.SECRET_KEY = "a new one, and no fallback"
        assert provider.post(f"/e-news/u/{token}/").status_code == 200
        assert state(ada) == "ended"

    def test_works_years_later(self, provider, ada, token):
        with time_machine.travel(timezone.now() + timedelta(days=3650)):
            assert provider.post(f"/e-news/u/{token}/").status_code == 200
        assert state(ada) == "ended"

    def test_member_who_was_erased_has_left_already(self, provider, ada, token):
        erase(ada)
        assert provider.post(f"/e-news/u/{token}/").status_code == 200
        assert provider.get(f"/e-news/u/{token}/").status_code == 200

    def test_ends_only_the_one_whose_token_it_is(self, provider, ada, token):
        bea = factories.subscription("bea@example.org")
        provider.post(f"/e-news/u/{token}/")
        assert state(bea) == "active"

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_other_methods_are_refused(self, provider, ada, token, method):
        assert getattr(provider, method)(f"/e-news/u/{token}/").status_code == 405
        assert state(ada) == "active"

    def test_is_never_cached_and_never_shows_the_address(self, provider, ada, token):
        response = provider.get(f"/e-news/u/{token}/")
        assert "no-store" in response["Cache-Control"]
        assert b"ada@" not in response.content


class TestPreferencesLink:
    CHOICE = {"sectors": [], "region": "", "kinds": ["event"], "act": "save"}

    @pytest.fixture
    def choice(self, db) -> dict:
        return {**self.CHOICE, "sectors": [factories.sector("schools").pk]}

    @pytest.fixture
    def ask(self, client, django_capture_on_commit_callbacks):
        """Press the button for a fresh link, with the mail that follows."""
        cache.clear()  # of the limits

        def act(token, browser=client):
            with django_capture_on_commit_callbacks(execute=True):
                return browser.post(f"/e-news/p/{token}/")

        return act

    def later(self, **time):
        sent = Delivery.objects.get().finished_at
        return time_machine.travel(sent + timedelta(**time), tick=False)

    def test_is_valid_for_seven_days(self, client, ada, token, choice):
        with self.later(days=6, hours=23):
            assert b'name="kinds"' in client.get(f"/e-news/p/{token}/").content
            response = client.post(f"/e-news/p/{token}/", choice)
        assert response.status_code == 302
        assert response["Location"].endswith(f"/e-news/p/{token}/")
        ada.refresh_from_db()
        assert ada.kinds == ["event"]
        assert [sector.slug for sector in ada.member.sectors.all()] == ["schools"]

    def test_looking_changes_nothing(self, client, ada, token):
        client.get(f"/e-news/p/{token}/")
        assert state(ada) == "active"
        assert ConsentRecord.objects.count() == 0

    def test_old_one_shows_no_choices_and_takes_none(self, client, ada, token, choice):
        with self.later(days=7, seconds=1):
            response = client.get(f"/e-news/p/{token}/")
            assert response.status_code == 200
            assert b'name="kinds"' not in response.content
            client.post(f"/e-news/p/{token}/", choice)
            client.post(f"/e-news/p/{token}/", {"act": "leave"})
        ada.refresh_from_db()
        assert (ada.state, len(ada.kinds)) == ("active", 8)

    def test_old_one_offers_a_fresh_one_by_mail(self, client, ada, token, mailoutbox, settings, choice, ask):
        with self.later(days=30):
            client.get(f"/e-news/p/{token}/")
            assert mailoutbox == []
            response = ask(token)
            assert b"ada@" not in response.content
            (mail,) = mailoutbox
            assert (mail.to, mail.from_email) == (["ada@example.org"], settings.ACCOUNTS_FROM)
            (link,) = re.findall(rf"{settings.SITE_URL}(/e-news/p/\S+)", mail.body)
            assert "ada" not in link
            assert client.get(link).status_code == 200
            assert client.post(link, choice).status_code == 302
            ada.refresh_from_db()
            assert ada.kinds == ["event"]
        with self.later(days=36):
            assert client.get(link).status_code == 200
        with self.later(days=37, seconds=2):
            assert client.get(link).status_code == 404
            assert client.post(link, {"act": "leave"}).status_code == 404
        assert state(ada) == "active"

    def test_whoever_has_an_old_one_cannot_flood_its_owner(self, ada, token, mailoutbox, ask):
        with self.later(days=8):
            answers = [ask(token, Client(REMOTE_ADDR=f"203.0.113.{number}")) for number in range(20)]
        assert answers[0].status_code == 200
        assert answers[-1].status_code == 429
        assert 1 <= len(mailoutbox) <= 8

    def test_mail_server_in_trouble_is_no_error_of_the_page(self, ada, token, settings, ask):
        settings.EMAIL_BACKEND = "tests.newsletter.nowhere.EmailBackend"  # cannot even be imported
        with self.later(days=8):
            assert ask(token).status_code == 200

    def test_tampered_fresh_link_is_not_found(self, client, ada, token, mailoutbox, ask):
        with self.later(days=8):
            ask(token)
            value = re.findall(r"/e-news/p/(\S+)/", mailoutbox[0].body)[0]
            other = factories.subscription()
            forged = signing.dumps(other.pk, salt="something else")
            for wrong in (value[:-2] + "xx", value.swapcase(), forged, f"1:{value}", ":", "a:b:c"):
                assert client.get(f"/e-news/p/{wrong}/").status_code == 404

    def test_fresh_link_of_somebody_erased_is_not_found(self, client, ada, token, mailoutbox, ask):
        with self.later(days=8):
            ask(token)
            link = re.findall(r"(/e-news/p/\S+)", mailoutbox[0].body)[0]
            erase(ada)
            assert client.get(link).status_code == 404
            assert client.get(f"/e-news/p/{token}/").status_code == 404

    @pytest.mark.parametrize("wrong", UNKNOWN)
    def test_unknown_link_is_not_found(self, client, token, wrong):
        assert client.get(f"/e-news/p/{wrong}/").status_code == 404

    def test_needs_the_csrf_token_of_its_page(self, provider, ada, token):
        assert provider.post(f"/e-news/p/{token}/", {"act": "leave"}).status_code == 403
        assert state(ada) == "active"

    def test_leaving_there_is_recorded_as_such(self, client, ada, token):
        client.post(f"/e-news/p/{token}/", {"act": "leave"})
        assert state(ada) == "ended"
        assert left_by() == ["preferences"]
