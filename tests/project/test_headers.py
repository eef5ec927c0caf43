"""What every answer carries: the content policy, one way to log in, health, and nothing the policy forbids."""

import re

import pytest
from django.test import Client

from membership.models import User
from tests.factories import entry

pytestmark = pytest.mark.django_db
PUBLIC = [
    "/",
    "/directory/",
    "/join/",
    "/account/login/",
    "/account/login/code/",
    "/account/password/reset/",
    "/e-news/",
]
PASSWORD = "correct-horse-battery"


@pytest.mark.parametrize("address", [*PUBLIC, "/no-such-page/", "/healthz", "/join/confirm/garbage/"])
def test_public_pages_carry_the_strict_policy(client, address):
    policy = dict(
        part.strip().partition(" ")[::2] for part in client.get(address)["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'self'"
    for directive, sources in policy.items():
        assert "unsafe" not in sources, directive
        assert "*" not in sources, directive
        assert "http" not in sources, directive
    assert "data:" not in policy["script-src"]


@pytest.mark.parametrize("address", PUBLIC)
def test_pages_need_nothing_that_their_policy_forbids(client, settings, address):
    entry(body="<p>All about it.</p>")
    text = client.get(address).content.decode()
    assert not re.search(r"<script(?![^>]*\s(?:src|nonce)=)", text)
    assert "<style" not in text
    assert not re.search(r"<[^>]+\sstyle=", text)
    assert not re.search(r"<[^>]+\son[a-z]+=", text)
    elsewhere = text.replace("http://testserver", "").replace(settings.SITE_URL, "")
    assert not re.search(r"(?:src|href|action)=[\"']?(?:javascript:|//|http:)", elsewhere)


def test_wagtail_s_admin_is_left_to_its_own_scripts():
    browser = Client()
    browser.force_login(User.objects.create_superuser("chief@example.org"))
    response = browser.get("/admin/")
    assert response.status_code == 200
    assert "Content-Security-Policy" not in response
    assert response["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("address", PUBLIC)
def test_pages_tell_other_sites_nothing(client, address):
    response = client.get(address)
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_healthz_answers(client):
    assert client.get("/healthz").status_code == 200


# --- One way to log in ---------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?next=/admin/pages/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_admin_login_is_the_one_login(client, method, query):
    assert getattr(client, method)(f"/admin/login/{query}")["Location"] == f"/account/login/{query}"


def test_admin_asks_strangers_to_log_in_there(client):
    assert client.get("/admin/pages/", follow=True).redirect_chain[-1] == (
        "/account/login/?next=%2Fadmin%2Fpages%2F",
        302,
    )


@pytest.mark.parametrize("address", ["/admin/login/", "/_util/login/", "/django-admin/login/"])
def test_no_other_form_takes_a_password(client, address):
    User.objects.create_superuser("chief@example.org", PASSWORD)
    client.post(address, {"username": "chief@example.org", "email": "chief@example.org", "password": PASSWORD})
    assert "_auth_user_id" not in client.session, "this way passes by verified addresses and the second step"


def test_webhooks_refuse_the_wrong_secret(client):
    for header in ({}, {"HTTP_AUTHORIZATION": "Basic d3Jvbmc6d3Jvbmc="}):
        response = client.post("/webhooks/sendgrid/tracking/", data="[]", content_type="application/json", **header)
        assert response.status_code == 400
