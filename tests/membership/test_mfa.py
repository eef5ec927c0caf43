"""The second step: whoever may see the admin needs one, and no other path leads around it (quality.md 18)."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.models import Group, Permission
from django.test import Client

from membership.models import User
from tests.factories import subscription

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def required(settings):
    settings.STAFF_MFA_REQUIRED = True


def editor():
    """Somebody of a group that may see the admin, who is no superuser."""
    user = User.objects.create_user("editor@example.org", PASSWORD)
    group = Group.objects.create(name="Sample editors")
    group.permissions.add(Permission.objects.get(codename="access_admin"))
    user.groups.add(group)
    return user


STAFF = {
    "superuser": lambda: User.objects.create_superuser("chief@example.org", PASSWORD),
    "editor": editor,
    "is_staff": lambda: User.objects.create_user("staff@example.org", PASSWORD, is_staff=True),
}


@pytest.fixture(params=STAFF)
def staff(request):
    user = STAFF[request.param]()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


@pytest.fixture
def chief():
    user = STAFF["superuser"]()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def code_now(secret):
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


@pytest.fixture
def secret(chief):
    made = generate_totp_secret()
    TOTP.activate(chief, made)
    return made


@pytest.mark.parametrize("address", ["/admin/", "/admin/pages/", "/admin/no-such-page/", "/admin/account/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_staff_without_a_second_step_are_led_to_set_one_up(staff, address, method):
    client = Client()
    client.force_login(staff)
    response = getattr(client, method)(address)
    assert (response.status_code, response["Location"]) == (302, "/account/2fa/")
    assert "Set up a second step first" in client.get("/account/2fa/").content.decode()


def test_whoever_logs_in_shows_the_second_step(chief, secret):
    client = Client()
    response = client.post("/account/login/?next=/admin/", {"login": chief.email, "password": PASSWORD})
    assert response["Location"] == "/account/2fa/authenticate/"
    assert "login/?next=/admin/" in client.get("/admin/")["Location"], "not in yet"
    assert client.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
    client.post("/account/2fa/authenticate/", {"code": code_now(secret)})
    assert client.get("/admin/").status_code == 200


def test_an_older_login_shows_it_too(chief, secret):
    client = Client()
    client.force_login(chief)  # as logged in before it was set up
    address = client.get("/admin/pages/")["Location"]
    assert address == "/account/2fa/reauthenticate/?next=%2Fadmin%2Fpages%2F"
    assert client.get(address).status_code == 200
    response = client.post(address, {"code": code_now(secret), "next": "/admin/pages/"})
    assert response["Location"] == "/admin/pages/"
    assert client.get("/admin/").status_code == 200


def test_a_recovery_code_lets_in_once(chief, secret):
    code = RecoveryCodes.activate(chief).get_unused_codes()[0]
    for expected in (302, 200):
        client = Client()
        client.post("/account/login/", {"login": chief.email, "password": PASSWORD})
        client.post("/account/2fa/authenticate/", {"code": code})
        assert client.get("/account/").status_code == (200 if expected == 302 else 302)


def test_setting_up_the_app_opens_the_admin(chief, mailoutbox, django_capture_on_commit_callbacks):
    client = Client()
    client.post("/account/login/", {"login": chief.email, "password": PASSWORD})
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    page = client.get("/account/2fa/totp/activate/")
    secret = page.context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post("/account/2fa/totp/activate/", {"code": code_now(secret)})
    assert response.status_code == 302
    assert Authenticator.objects.filter(user=chief).count() == 2, "the app, and recovery codes"
    assert len(re.findall(r"<code>\d+</code>", client.get("/account/2fa/recovery-codes/").content.decode())) == 10
    assert any("second step" in mail.subject for mail in mailoutbox)
    assert client.get("/admin/")["Location"].startswith("/account/2fa/reauthenticate/")


def test_pages_of_passkeys_open(chief):
    client = Client()
    client.force_login(chief)
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    page = client.get("/account/2fa/webauthn/add/").content.decode()
    assert 'id="mfa_webauthn_add"' in page
    assert "creation_options" in page
    assert client.get("/account/2fa/webauthn/").status_code == 200
    assert 'id="passkey_login"' in Client().get("/account/login/").content.decode()
    assert Client().get("/account/2fa/webauthn/login/", headers={"accept": "application/json"}).status_code == 200


def test_a_passkey_alone_counts_as_second_step(chief):
    Authenticator.objects.create(user=chief, type=Authenticator.Type.WEBAUTHN, data={})
    client = Client()
    client.force_login(chief)
    assert client.get("/admin/")["Location"].startswith("/account/2fa/webauthn/reauthenticate/")


def test_members_are_not_concerned():
    client = Client()
    client.force_login(subscription().member.user)
    assert client.get("/account/").status_code == 200
    assert "2fa" not in client.get("/admin/")["Location"]


def test_other_pages_stay_open_to_staff(staff):
    client = Client()
    client.force_login(staff)
    assert client.get("/").status_code == client.get("/account/").status_code == 200


@pytest.mark.parametrize("address", ["/admin/login/", "/_util/login/", "/account/login/"])
def test_no_login_form_leads_around_it(chief, secret, address):
    client = Client()
    client.post(address, {"username": chief.email, "login": chief.email, "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_wagtails_own_password_pages_are_closed(chief, mailoutbox):
    client = Client()
    assert client.get("/admin/password_reset/")["Location"] == "/account/password/reset/"
    client.post("/admin/password_reset/", {"email": chief.email})
    assert mailoutbox == []
    assert client.get("/admin/password_reset/confirm/MQ/set-password/").status_code == 404


def test_a_reset_password_does_not_lead_around_it(chief, secret, post, mailoutbox):
    client = Client()
    post("/account/password/reset/", {"email": chief.email}, client)
    (path,) = re.findall(r"https?://[^/]+(/account/password/reset/key/\S+)", mailoutbox[0].body)
    form = client.get(path)["Location"]
    client.post(form, {"password1": "another-long-word", "password2": "another-long-word"})
    assert "_auth_user_id" not in client.session


def test_wagtails_account_page_changes_neither_address_nor_password(chief, secret):
    client = Client()
    client.force_login(chief)
    client.post("/account/2fa/reauthenticate/", {"code": code_now(secret)})
    page = client.get("/admin/account/").content.decode()
    assert 'type="email"' not in page
    assert 'type="password"' not in page


def test_embedded_default_opens_without(chief, settings):
    settings.STAFF_MFA_REQUIRED = False
    client = Client()
    client.force_login(chief)
    assert client.get("/admin/").status_code == 200
