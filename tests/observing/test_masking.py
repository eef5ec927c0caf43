"""What may stand in no log, in every shape in which it has been seen to come."""

import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from config.observing.masking import LONGEST, mask
from newsletter.tokens import delivery_token

TOKEN = "Zk3-9_aQxW7tLmP0cVbN2rYs"  # pragma: allowlist secret
UUID = "0b0e4f7e-0f0c-4c3c-9d0f-7f1d7a4c2b11"


@pytest.mark.parametrize(
    "text",
    [
        "jo@example.org",
        "Jo.O'Neill+news@mail.example.org has bounced",
        "<jo@example.org>: no such user",
        "{'email': 'jo@example.org'}",
        '{"to":["jo@example.org","al@example.org"]}',
        "jo@localhost",
        '"jo smith"@example.org',
        "jo @ example.org",
        "Key (lower(email))=(jo@example.org)",
        "jö@exämple.example",
        "jo@xn--exmple-cua.example",
        "/join/?email=jo%40example.org&x=1",
        "next=%2Fjoin%2F%3Femail%3Djo%2540example.org",
        "jo＠example.org",
        "jo&#64;example.org and jo&#x40;example.org",
        r"jo\u0040example.org",
        "jo=40example.org",
        "mailto:jo@example.org?subject=x",
        "b'jo@example.org\\r\\nRCPT TO:<al@example.org>'",
        "smtp://jo:pass@mail.example.org:587",  # pragma: allowlist secret
    ],
)
def test_no_address_is_left(text):
    assert not re.search(r"jo\b|al\b|jö|smith|neill|@example|pass", mask(text), re.IGNORECASE), mask(text)


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"Not Found: /l/{TOKEN}/3",
        f"/e-news/u/{TOKEN}",
        f"GET /e-news/u/{TOKEN}/?x=1",
        f"https://www.example.org/e-news/p/{TOKEN}/",
        f"/o/{TOKEN}.gif",
        f"next=%2Fe-news%2Fu%2F{TOKEN}%2F",
        f"KeyError: '{TOKEN}'",
        "/e-news/u/short/ and /l/x/1",
        "/account/password/reset/key/3-c8xk2p-0123456789abcdef0123456789abcdef/",  # pragma: allowlist secret
        "/account/confirm-email/MTI:1tAbCd:x_y-Z0/",
        "Key (token_hash)=(" + "0f" * 32 + ") already exists",
        "sessionid=abc123; csrftoken=def456",
        "Authorization: Basic dXNlcjpwYXNz",
        "{'Authorization': 'Bearer abc.def'}",
        "ANYMAIL_MAILGUN_API_KEY=key-123",
        "password: 'hunter2'",
        "postgres://ihop:hunter2@db:5432/ihop",  # pragma: allowlist secret
    ],
)
def test_no_token_or_secret_is_left(text):
    left = mask(text)
    for secret in re.findall(r"Zk3|short|/x/|c8xk2p|1tAbCd|0f0f|abc123|def456|dXNl|abc\.def|key-123|hunter2", text):
        assert secret not in left, left


def test_tokens_as_they_are_made_are_hidden():
    import uuid

    shown = [token for token in (delivery_token(uuid.UUID(int=n)) for n in range(5000)) if token in mask(f"x {token}.")]
    assert shown == []


def test_values_of_a_refused_row_are_hidden():
    error = (
        'IntegrityError: null value in column "kind" violates not-null constraint\n'
        "DETAIL:  Failing row contains (7, Jo Smith, 12 High Street\n\nLeeds, jo@example.org).\n"
        "\nThe above exception was the direct cause of the following exception:\n\nTraceback"
    )
    left = mask(error)
    assert "Smith" not in left
    assert "Leeds" not in left
    assert "not-null constraint" in left
    assert "The above exception" in left


@pytest.mark.parametrize("address", ["203.0.113.7", "8.8.8.8", "2001:db8::7", "::ffff:203.0.113.7"])
def test_a_visitor_s_ip_address_is_hidden(address):
    assert mask(f"Invalid request from ip={address}: bad") == "Invalid request from ip=[ip]: bad"


@pytest.mark.parametrize(
    "text",
    [
        "issue 2026-10: 1200 deliveries ended, left: True ",
        f"Task newsletter.tasks.send_issue[{UUID}] succeeded in 12.5s: None",
        "GET /directory/north-east-family-support-centre/ 200",
        "GET /l/2026-10/3 302",
        'connection to server at "10.0.0.5", port 5432 failed',
        'File "newsletter/management/commands/certify_issue.py", line 12, in get_authentication_records',
        "    @never_cache",
        "RelatedObjectDoesNotExist: Issue has no mailing.",
        "celery@worker-1 ready.",
        "beat@web-1:881:0a1b2c3d is now the scheduler",
        "2026-12-01T13:40:00.123 HttpResponseTemporaryRedirect",
        "duplicate key value violates unique constraint: delivery_one_per_issue_and_member",
    ],
)
def test_what_operators_need_is_left_alone(text):
    assert mask(text) == text


def test_long_texts_are_cut_and_still_masked():
    body = "word " * 30_000 + f"jo@example.org {TOKEN}"
    left = mask(body)
    assert len(left) <= LONGEST + 3
    assert "jo@" not in left
    assert TOKEN not in left
    assert len(mask("x" * 200_000)) <= LONGEST


def routes(resolver, before=""):
    for one in resolver.url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from routes(one, route)
        elif isinstance(one, URLPattern):
            yield route, one.pattern.regex.groupindex


def test_every_address_that_holds_a_token_is_known():
    """Also a short one, which nobody could tell from a word."""
    found = 0
    for route, names in routes(get_resolver()):
        if not {"token", "key", "uidb36", "uidb64"} & set(names) or route.startswith("^openreferral/"):
            continue
        found += 1
        secret = r"\(\?P<(?:token|key)>[^)]*\)|<(?:str:)?(?:token|key)>"
        path = "/" + re.sub(secret, "secret1", re.sub(r"\(\?P<uidb36>[^)]*\)|<uidb64>", "3", route))
        path = path.replace("^", "").replace("$", "")
        assert "secret1" in path
        assert "secret1" not in mask(path), path
    assert found > 8
