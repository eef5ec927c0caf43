"""An account's address, password and logins: changed by their owner, and nothing lost on the way."""

import re
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.test import Client

from cms.addresses import address_hash
from membership import services
from membership.models import Subscription, Suppression, User
from tests.factories import UserFactory, subscription

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"


@pytest.fixture
def member():
    """A member as they are after confirming, with a password."""
    one = subscription("sam@example.org")
    one.member.user.set_password(PASSWORD)
    one.member.user.save()
    EmailAddress.objects.create(user=one.member.user, email="sam@example.org", primary=True, verified=True)
    return one.member.user


@pytest.fixture
def browser(member):
    client = Client()
    client.force_login(member)
    return client


def link_in(mail):
    (link,) = re.findall(r"https?://\S+/confirm-email/\S+", mail.body)
    return urlsplit(link).path


# --- The address ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("New.Place@Example.ORG", "new.place@example.org"),
        ("sam@bücher.example", "sam@xn--bcher-kva.example"),
        ("sam+work@example.org", "sam+work@example.org"),
    ],
)
def test_address_changes_once_it_is_confirmed(member, browser, post, mailoutbox, typed, kept):
    post("/account/email/", {"email": typed, "action_add": ""}, browser)
    member.refresh_from_db()
    assert member.email == "sam@example.org", "nothing changes before it is confirmed"
    (mail,) = mailoutbox
    assert mail.to == [kept]
    path = link_in(mail)
    assert browser.get(path).status_code == 200
    assert User.objects.get().email == "sam@example.org", "opening the link changes nothing"
    post(path, {}, browser)
    after = User.objects.get()
    assert (after.email, after.address_hash) == (kept, address_hash(kept))
    assert [(one.email, one.verified, one.primary) for one in EmailAddress.objects.all()] == [(kept, True, True)]
    assert Subscription.objects.entitled().count() == 1
    assert mailoutbox[-1].to == ["sam@example.org"], "the old address hears of it"
    assert kept not in mailoutbox[-1].body


def test_new_address_is_the_login_and_the_old_one_is_not(member, browser, post, mailoutbox):
    post("/account/email/", {"email": "new@example.org", "action_add": ""}, browser)
    post(link_in(mailoutbox[0]), {}, browser)
    for address, status in (("new@example.org", 302), ("sam@example.org", 200)):
        assert post("/account/login/", {"login": address, "password": PASSWORD}, Client()).status_code == status


def test_address_in_use_is_told_to_its_owner_only(member, browser, post, mailoutbox):
    other = subscription("other@example.org").member.user
    pages = []
    for address in ("other@example.org", "free1@example.org"):
        response = post("/account/email/", {"email": address, "action_add": ""}, browser)
        page = browser.get("/account/email/").content.decode()
        page = re.sub(r'value="[\w-]{40,}"', "", page)  # forgery tokens
        pages.append((response.status_code, response["Location"], page.replace(address, "")))
    assert pages[0] == pages[1], "the page tells nothing"
    in_use, free = mailoutbox
    assert in_use.to == ["other@example.org"]
    assert "confirm-email" not in in_use.body
    assert "confirm-email" in free.body
    assert User.objects.get(pk=other.pk).email == "other@example.org"
    assert User.objects.get(pk=member.pk).email == "sam@example.org"


def test_address_taken_by_somebody_faster_is_a_clear_page(member, browser, post, mailoutbox):
    post("/account/email/", {"email": "wanted@example.org", "action_add": ""}, browser)
    UserFactory(email="wanted@example.org")
    response = browser.post(link_in(mailoutbox[0]), follow=True)
    assert response.status_code == 200
    assert "belongs to an account already" in response.content.decode()
    member.refresh_from_db()
    assert member.email == "sam@example.org"
    assert EmailAddress.objects.get(email="sam@example.org").primary


@pytest.mark.parametrize("reason", Suppression.Reason)
def test_suppressed_address_can_be_moved_to(member, browser, post, mailoutbox, reason):
    services.suppress(address_hash=address_hash("new@example.org"), reason=reason)
    post("/account/email/", {"email": "new@example.org", "action_add": ""}, browser)
    post(link_in(mailoutbox[0]), {}, browser)
    assert User.objects.get().email == "new@example.org"
    lifted = reason in {Suppression.Reason.ERASED, Suppression.Reason.REQUESTED}
    assert Suppression.objects.exists() is not lifted, "bounces and complaints are not taken back by a click"


@pytest.mark.parametrize("typed", ["SAM@example.org", "nonsense", "a@b\r\nBcc: eve@example.org"])
def test_address_that_cannot_be_is_said_at_its_field(browser, post, mailoutbox, typed):
    response = post("/account/email/", {"email": typed, "action_add": ""}, browser)
    assert response.status_code == 200
    assert 'id="id_email_error"' in response.content.decode()
    assert mailoutbox == []


def test_change_of_address_can_be_cancelled(member, browser, post, mailoutbox):
    post("/account/email/", {"email": "new@example.org", "action_add": ""}, browser)
    path = link_in(mailoutbox[0])
    post("/account/email/", {"email": "new@example.org", "action_remove": ""}, browser)
    post("/account/email/", {"email": "sam@example.org", "action_remove": ""}, browser)
    assert browser.post(path).status_code == 404
    assert list(EmailAddress.objects.values_list("email", flat=True)) == ["sam@example.org"]


def test_tampered_confirmation_is_a_clear_page(browser):
    response = browser.get("/account/confirm-email/garbage/")
    assert response.status_code == 200
    assert "no longer valid" in response.content.decode()


# --- Password ------------------------------------------------------------------------------------


def test_password_is_set_by_whoever_has_none(post):
    one = subscription("sam@example.org")
    one.member.user.set_unusable_password()
    one.member.user.save()
    client = Client()
    client.force_login(one.member.user)
    post("/account/password/set/", {"password1": PASSWORD, "password2": PASSWORD}, client)
    assert User.objects.get().check_password(PASSWORD)
    assert client.get("/account/password/change/").status_code == 200


def test_password_is_reset_by_mail(member, post, mailoutbox, settings):
    post("/account/password/reset/", {"email": "SAM@example.org"})
    (link,) = re.findall(r"https?://\S+/reset/key/\S+", mailoutbox[0].body)
    assert link.startswith(settings.SITE_URL + "/")
    client = Client()
    response = client.get(urlsplit(link).path, follow=True)
    form = response.request["PATH_INFO"]
    client.post(form, {"password1": "another-long-word", "password2": "another-long-word"})
    assert User.objects.get().check_password("another-long-word")
    assert Client().get(urlsplit(link).path).status_code == 200, "a used link is a clear page"
    assert b"no longer valid" in Client().get(urlsplit(link).path).content


def test_no_mail_names_an_ip_address_or_a_browser(member, browser, post, mailoutbox):
    data = {"oldpassword": PASSWORD, "password1": "another-long-word", "password2": "another-long-word"}
    browser.post("/account/password/change/", data, REMOTE_ADDR="203.0.113.9", HTTP_USER_AGENT="Sample/1.0")
    post("/account/email/", {"email": "new@example.org", "action_add": ""}, browser)
    for mail in mailoutbox:
        assert "203.0.113.9" not in mail.body
        assert "Sample/1.0" not in mail.body


# --- Logins --------------------------------------------------------------------------------------


def test_logins_are_listed_and_ended(member, browser):
    elsewhere, third = Client(), Client()
    for client in (elsewhere, third):
        client.force_login(member)
    stranger = Client()
    stranger.force_login(UserFactory())
    text = browser.get("/account/sessions/").content.decode()
    assert text.count("Log out there") == 2
    assert not any(session.session_key in text for session in Session.objects.all()), "keys are secrets"
    handle = re.findall(r'name="login" value="(\w+)"', text)[0]
    browser.post("/account/sessions/", {"login": handle})
    assert browser.get("/account/sessions/").content.decode().count("Log out there") == 1
    browser.post("/account/sessions/", {"act": "others"})
    assert elsewhere.get("/account/").status_code == third.get("/account/").status_code == 302
    assert browser.get("/account/").status_code == stranger.get("/account/").status_code == 200


def test_one_cannot_end_the_login_of_somebody_else(member, browser):
    victim = Client()
    victim.force_login(UserFactory())
    from membership.sessions import Login

    browser.post("/account/sessions/", {"login": Login(victim.session.session_key, None).handle})
    assert victim.get("/account/").status_code == 200


def test_sessions_hold_no_ip_address_and_no_browser(member, post):
    client = Client(REMOTE_ADDR="203.0.113.9", HTTP_USER_AGENT="Sample/1.0")
    client.post("/account/login/", {"login": "sam@example.org", "password": PASSWORD})
    data = str([session.get_decoded() for session in Session.objects.all()])
    assert "logged_in_at" in data
    assert "203.0.113.9" not in data
    assert "Sample" not in data


def test_sessions_page_needs_a_login(client):
    assert client.get("/account/sessions/")["Location"] == "/account/login/?next=/account/sessions/"
