"""Nobody can find out who is a member: known and unknown addresses get one answer, and it costs the same.

`benchmarks/enumeration.py` measures time; here we count what takes time: statements, password hashes, mails.
"""

import re
from unittest import mock

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from membership.models import Subscription
from tests.factories import UserFactory, subscription
from tests.membership.forms import joining

pytestmark = pytest.mark.django_db
State = Subscription.State
SECRETS = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|nonce="[^"]*"')
PASSWORD = "correct-horse-battery"


def member(email, *, state=State.ACTIVE, password=False, verified=True):
    one = subscription(email, state=state)
    if password:
        one.member.user.set_password(PASSWORD)
    else:
        one.member.user.set_unusable_password()
    one.member.user.save()
    EmailAddress.objects.create(user=one.member.user, email=email, primary=True, verified=verified)


# Every kind of known address, all nine letters long like the unknown one.
def everybody():
    member("active000@example.org")
    member("password0@example.org", password=True)
    member("pending00@example.org", state=State.PENDING, verified=False)
    member("paused000@example.org", state=State.PAUSED)
    member("ended0000@example.org", state=State.ENDED)
    UserFactory(email="editor000@example.org").set_unusable_password()


KNOWN = ["active000", "password0", "pending00", "paused000", "ended0000", "editor000", "ACTIVE000"]
FORMS = {
    "join": ("/join/", lambda email: joining(email)),
    "join without news": ("/join/", lambda email: {**joining(email), "wants_news": ""}),
    "resend": ("/join/resend/", lambda email: {"email": email}),
    "login code": ("/account/login/code/", lambda email: {"email": email}),
    "login": ("/account/login/", lambda email: {"login": email, "password": "wrong-horse-battery"}),
    "reset": ("/account/password/reset/", lambda email: {"email": email}),
}


def observe(django_capture_on_commit_callbacks, mailoutbox, address, data):
    """What an answer says, and what it cost."""
    browser = Client()
    browser.get(address)
    cache.clear()
    mailoutbox.clear()
    hashes = []
    encode = MD5PasswordHasher.encode

    def counting(self, password, salt):
        hashes.append(1)
        return encode(self, password, salt)

    with (
        mock.patch.object(MD5PasswordHasher, "encode", counting),
        CaptureQueriesContext(
            connection,
        ) as queries,
        django_capture_on_commit_callbacks(execute=True) as callbacks,
    ):
        response = browser.post(address, data)
    said = (response.status_code, response.get("Location"), sorted(response.cookies), text_of(response, data))
    cost = {"statements": len(queries), "hashes": len(hashes), "mails": len(mailoutbox), "callbacks": len(callbacks)}
    return said, cost, browser, queries


def text_of(response, data):
    typed = data.get("email") or data.get("login")
    text = SECRETS.sub("", response.content.decode())
    return text.replace(typed, "").replace(typed.lower(), "")


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("known", KNOWN)
def test_known_and_unknown_addresses_are_answered_alike(django_capture_on_commit_callbacks, mailoutbox, name, known):
    everybody()
    address, form = FORMS[name]
    answers = [
        observe(django_capture_on_commit_callbacks, mailoutbox, address, form(f"{who}@example.org"))
        for who in ("unknown00", known)
    ]
    (said, cost, _, unknown_queries), (said_known, cost_known, _, known_queries) = answers
    assert said == said_known
    assert cost == cost_known, "\n".join(
        [*(query["sql"][:90] for query in unknown_queries), "--", *(query["sql"][:90] for query in known_queries)]
    )
    assert cost["mails"] == (0 if name == "login" else 1)
    assert cost["hashes"] == (1 if name == "login" else 0)


@pytest.mark.parametrize("known", KNOWN)
def test_the_page_that_waits_for_a_code_is_the_same(django_capture_on_commit_callbacks, mailoutbox, known):
    everybody()
    seen = []
    for who in ("unknown00", known):
        data = {"email": f"{who}@example.org"}
        *_, browser, _ = observe(django_capture_on_commit_callbacks, mailoutbox, "/account/login/code/", data)
        for method in ("get", "post"):
            with CaptureQueriesContext(connection) as queries:
                response = getattr(browser, method)("/account/login/code/confirm/", {"code": "WRONG1"})
            seen.append((who == "unknown00", method, response.status_code, text_of(response, data), len(queries)))
    unknown, known_ = ([one[1:] for one in seen if one[0] is first] for first in (True, False))
    assert unknown == known_


def test_a_malformed_address_is_refused_alike_everywhere(post):
    for address, form in FORMS.values():
        response = post(address, form("nonsense"), Client())
        assert "does not look like an e-mail address" in response.content.decode()


@pytest.mark.parametrize("suppressed", [True, False])
def test_suppression_list_cannot_be_asked_either(django_capture_on_commit_callbacks, mailoutbox, suppressed):
    from cms.addresses import address_hash
    from membership import services

    if suppressed:
        services.suppress(address_hash=address_hash("unknown00@example.org"), reason="erased")
    for name in ("login code", "reset", "resend"):
        address, form = FORMS[name]
        said, cost, *_ = observe(django_capture_on_commit_callbacks, mailoutbox, address, form("unknown00@example.org"))
        assert said[0] in {200, 302}
        assert cost["mails"] == (0 if suppressed else 1)


def test_nothing_of_a_rehearsal_is_kept(post):
    member("active000@example.org")
    post("/join/", joining("active000@example.org"))
    assert Subscription.objects.count() == 1
    assert EmailAddress.objects.count() == 1
