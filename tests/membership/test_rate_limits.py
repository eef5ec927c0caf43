"""Limits count per address, never per IP alone: a whole prison may share one (quality.md 17)."""

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client

from membership.models import User
from tests.factories import subscription
from tests.membership.forms import joining

pytestmark = pytest.mark.django_db
COLLEAGUES = 60
PASSWORD = "correct-horse-battery"
FORMS = {
    "/join/": joining,
    "/join/resend/": lambda email: {"email": email},
    "/account/login/code/": lambda email: {"email": email},
    "/account/password/reset/": lambda email: {"email": email},
    "/account/login/": lambda email: {"login": email, "password": "wrong"},
}


def is_limited(response):
    return response.status_code == 429 or "too many times" in response.content.decode()


@pytest.mark.parametrize("address", FORMS)
def test_one_mailbox_cannot_be_flooded(post, mailoutbox, address):
    answers = [post(address, FORMS[address]("victim@example.org"), Client()) for _ in range(30)]
    assert not is_limited(answers[0])
    assert is_limited(answers[-1])
    assert len(mailoutbox) <= 6


@pytest.mark.parametrize("address", ["/join/", "/join/resend/", "/account/login/code/"])
def test_other_spellings_count_as_one_address(post, mailoutbox, address):
    for typed in ("victim@bücher.example", "VICTIM@BÜCHER.example", " Victim@xn--bcher-kva.example ") * 10:
        post(address, FORMS[address](typed), Client())
    assert 1 <= len(mailoutbox) <= 6


@pytest.mark.parametrize("address", ["/join/", "/join/resend/", "/account/login/code/", "/account/password/reset/"])
def test_one_mailbox_cannot_be_flooded_from_many_places(post, mailoutbox, address):
    for number in range(60):
        browser = Client(REMOTE_ADDR=f"203.0.113.{number}")
        post(address, FORMS[address]("victim@example.org"), browser)
    assert 1 <= len(mailoutbox) <= 20


@pytest.mark.parametrize("address", sorted(set(FORMS) - {"/join/"}))
def test_colleagues_share_one_place(post, address):
    """A prison's staff behind one address of the network: none of them is kept out by the others."""
    highest = max(int(rate.partition("/")[0]) for rate in django_settings.ACCOUNT_RATE_LIMITS.values() if rate)
    assert highest < COLLEAGUES, "so many that any rate would show if it counted them together"
    data = (FORMS[address](f"colleague{number}@example.org") for number in range(COLLEAGUES))
    assert not any(is_limited(post(address, one, Client())) for one in data)


def test_two_hundred_colleagues_have_all_joined(post, mailoutbox):
    for number in range(200):
        post("/join/", joining(f"colleague{number}@example.org"), Client())
    assert User.objects.count() == len(mailoutbox) == 200


def test_guesses_from_elsewhere_do_not_lock_the_owner_out(post):
    """The low limit counts an address from one place; the owner's own place has its own."""
    user = subscription("sam@example.org").member.user
    user.set_password(PASSWORD)
    user.save()
    user.emailaddress_set.create(email=user.email, primary=True, verified=True)
    for _ in range(20):
        wrong = {"login": "sam@example.org", "password": "wrong"}
        last = Client(REMOTE_ADDR="203.0.113.9").post("/account/login/", wrong)
    assert is_limited(last)
    owner = Client(REMOTE_ADDR="198.51.100.7")
    assert owner.post("/account/login/", {"login": "sam@example.org", "password": PASSWORD}).status_code == 302


def test_logging_in_often_is_no_failure(post):
    user = subscription("sam@example.org").member.user
    user.set_password(PASSWORD)
    user.save()
    user.emailaddress_set.create(email=user.email, primary=True, verified=True)
    for _ in range(60):
        assert Client().post("/account/login/", {"login": "sam@example.org", "password": PASSWORD}).status_code == 302


def test_page_that_asks_to_wait_says_so(post):
    for _ in range(6):
        response = post("/join/", joining("victim@example.org"), Client())
    assert response.status_code == 429
    assert "Please wait a little" in response.content.decode()


def test_no_rate_of_ours_counts_by_place_alone():
    from allauth.account import app_settings
    from allauth.mfa import app_settings as mfa_settings

    rates = {**app_settings.RATE_LIMITS, **mfa_settings.RATE_LIMITS}
    rates.pop("verify_phone")  # no telephone numbers here
    assert [name for name, rate in rates.items() if rate and "/ip" in rate] == []


def test_cache_names_neither_address_nor_place(post):
    cache.clear()
    for address, form in FORMS.items():
        post(address, form("sam@example.org"), Client(REMOTE_ADDR="203.0.113.9"))
    folder = Path(django_settings.CACHES["default"]["LOCATION"])
    kept = b"".join(file.read_bytes() for file in folder.iterdir())
    assert kept
    assert b"sam@" not in kept
    assert b"203.0.113.9" not in kept


def test_processes_share_the_count():
    assert "LocMem" not in django_settings.CACHES["default"]["BACKEND"]
