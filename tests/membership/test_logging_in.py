"""Logging in: one way in for everybody, which tells strangers nothing about who is a member."""

import re
from urllib.parse import unquote

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from membership import services
from membership.models import Subscription, User
from tests.factories import subscription
from tests.membership.forms import joining

pytestmark = pytest.mark.django_db
FORGERY_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


def test_signing_up_happens_on_the_join_page_only(client):
    assert client.get("/account/signup/")["Location"] == "/join/"
    client.post(
        "/account/signup/", {"email": "sam@example.org", "password1": "correct-horse", "password2": "correct-horse"}
    )
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("joined", "typed"),
    [
        ("sam@example.org", "SAM@Example.org"),
        ("sam@bücher.example", "sam@bücher.example"),
        ("sam@bücher.example", "sam@xn--bcher-kva.example"),
    ],
)
def test_member_logs_in_with_a_code_however_they_write_their_address(join, post, mailoutbox, joined, typed):
    one = join(joined)
    services.confirm(subscription=one)
    mailoutbox.clear()
    response = post("/account/login/code/", {"email": typed})
    assert response.status_code == 302
    (mail,) = mailoutbox
    assert mail.to == [one.member.user.email]
    code = re.search(r"^\s*([0-9A-Z-]{6,10})\s*$", mail.body, re.MULTILINE)
    assert code, "the mail holds a code"
    post(response["Location"], {"code": code[1]})
    assert response.client.get("/account/").status_code == 200


@pytest.mark.parametrize("address", ["/account/login/code/", "/account/password/reset/"])
def test_login_and_reset_answer_the_same_whether_or_not_the_address_is_known(post, address):
    one = subscription("known@example.org")
    EmailAddress.objects.create(user=one.member.user, email="known@example.org", primary=True, verified=True)
    answers = [post(address, {"email": email}, Client()) for email in ("known@example.org", "other@example.org")]
    first, second = (
        (answer.status_code, answer.get("Location"), FORGERY_TOKEN.sub("", answer.content.decode()))
        for answer in answers
    )
    assert first == second


def test_no_address_of_a_person_appears_in_any_address_of_a_page(post, log_in, waiting):
    one = Subscription.objects.get()
    seen = [waiting]
    browser = Client()
    for path, data in (
        ("/join/", joining("new@example.org")),
        ("/account/login/code/", {"email": "sam@example.org"}),
        ("/account/login/", {"login": "sam@example.org", "password": "wrong"}),
        ("/account/password/reset/", {"email": "sam@example.org"}),
        (waiting, {}),
    ):
        seen.append(post(path, data, browser).get("Location", ""))
    member = log_in(one)
    for act in ("pause", "resume", "leave"):
        seen.append(post("/account/preferences/", {"act": act}, member)["Location"])
    for page in ("/account/", "/account/preferences/", "/join/"):
        seen += re.findall(r'(?:href|action)="(?!mailto:)([^"]*)"', member.get(page).content.decode())
    assert [address for address in seen if "example.org" in unquote(address) or "@" in unquote(address)] == []
