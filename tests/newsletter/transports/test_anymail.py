"""Mail providers: what goes out, and what is found before anything does."""

import logging
import re
import socket
import uuid
from urllib.parse import unquote_plus

import pytest

from newsletter.providers import PROVIDERS
from newsletter.transports import anymail as transport_module
from newsletter.transports.base import Outcome, Result, TransportUnavailable
from tests.newsletter.transports import UNSUBSCRIBE, BrokenLetter, Letter
from tests.newsletter.transports.replies import FOUR, TAKEN, outcome_of
from tests.servers.http import Reply


@pytest.mark.parametrize("name", TAKEN)
def test_every_backend_hands_one_message_to_one_person(provider_server, transport_for, name):
    provider_server.usual = TAKEN[name]
    outcome = outcome_of(transport_for(name))
    assert outcome.result == Result.SENT
    assert outcome.message_id
    assert outcome.reason == ""
    (request,) = provider_server.requests
    body = unquote_plus(request.body.decode())
    assert set(re.findall(r"[\w.-]+@[\w.-]+", body)) <= {
        "sam@example.org",
        "news@ihop.example.org",
        "7.2026-10@ihop.example.org",
    }
    assert body.count("sam@example.org") == (2 if name in {"sparkpost", "unisender_go"} else 1)  # envelope and To
    assert UNSUBSCRIBE in body
    assert "List-Unsubscribe=One-Click" in body


def test_the_list_of_backends_above_is_whole():
    assert {name for name, one in PROVIDERS.items() if one.backend} == {*TAKEN, "amazon_ses"}


def test_what_postmark_gets(provider_server, transport_for):
    provider_server.usual = TAKEN["postmark"]
    outcome_of(transport_for("postmark"))
    sent = provider_server.requests[0].json
    assert provider_server.requests[0].path == "/email"
    assert sent["From"] == "i-HOP e-news <news@ihop.example.org>"
    assert sent["To"] == "sam@example.org"
    assert sent["Subject"] == "Café news"
    assert sent["TextBody"] == "Hello Sam,\n\nNew this month.\n"
    assert "<p>Hello Sam,</p>" in sent["HtmlBody"]
    assert sent["Metadata"] == {"delivery": "7", "issue": "2026-10"}
    assert sent["TrackOpens"] is False
    assert sent["TrackLinks"] == "None"
    headers = {one["Name"]: one["Value"] for one in sent["Headers"]}
    assert headers == {
        "List-Unsubscribe": f"<{UNSUBSCRIBE}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "i-HOP e-news <e-news.ihop.example.org>",
        "Auto-Submitted": "auto-generated",
        "Feedback-ID": "2026-10:e-news:ihop",
        "Message-ID": "<7.2026-10@ihop.example.org>",
        "X-PM-KeepID": "true",
    }


def test_settings_cannot_add_people_or_tracking_or_another_endpoint(provider_server, transport_for):
    provider_server.usual = TAKEN["postmark"]
    more = {
        "SEND_DEFAULTS": {
            "cc": ["boss@example.org"],
            "bcc": ["boss@example.org"],
            "track_opens": True,
            "tags": ["news"],
        },
        "POSTMARK_SEND_DEFAULTS": {"to": ["boss@example.org"], "track_clicks": True, "metadata": {"delivery": "1"}},
        "POSTMARK_USE_BULK_API": "false",  # text from the environment, which counts as true
        "IGNORE_UNSUPPORTED_FEATURES": True,
    }
    assert outcome_of(transport_for("postmark", **more)).result == Result.SENT
    assert provider_server.requests[0].path == "/email"
    assert b"boss" not in provider_server.requests[0].body
    sent = provider_server.requests[0].json
    assert (sent["TrackOpens"], sent["TrackLinks"], sent["Tag"]) == (False, "None", "news")
    assert sent["Metadata"] == {"delivery": "7", "issue": "2026-10"}


def test_sparkpost_and_sendgrid_are_told_to_leave_our_unsubscribe_header_alone(provider_server, transport_for):
    provider_server.script.extend([TAKEN["sparkpost"], TAKEN["sendgrid"]])
    outcome_of(transport_for("sparkpost"))
    outcome_of(transport_for("sendgrid"))
    sparkpost, sendgrid = (request.json for request in provider_server.requests)
    assert sparkpost["options"] == {"transactional": True, "open_tracking": False, "click_tracking": False}
    assert sendgrid["tracking_settings"]["subscription_tracking"] == {"enable": False}


def test_mailjet_gets_none_of_the_headers_it_refuses(provider_server, transport_for):
    provider_server.usual = TAKEN["mailjet"]
    outcome_of(transport_for("mailjet"))
    assert {"List-Id", "Message-ID"}.isdisjoint(provider_server.requests[0].json["Globals"]["Headers"])


def test_a_domain_beyond_ascii_is_encoded_and_keeps_its_headers(provider_server, transport_for):
    reply = TAKEN["mailjet"].body["Messages"][0]
    provider_server.usual = Reply(
        200, {"Messages": [reply | {"To": [{"Email": "sam@xn--bcher-kva.example", "MessageID": 2}]}]}
    )
    # Anymail would look for sam@bücher.example in the reply, miss it, and say that it failed.
    assert outcome_of(transport_for("mailjet"), Letter(recipient="sam@bücher.example")).result == Result.SENT
    sent = provider_server.requests[0].json
    assert sent["Messages"] == [{"To": [{"Email": "sam@xn--bcher-kva.example"}]}]
    assert sent["Globals"]["Headers"]["List-Unsubscribe"] == f"<{UNSUBSCRIBE}>"


def test_a_domain_beyond_ascii_does_not_cost_the_message_id(provider_server, transport_for):
    provider_server.usual = TAKEN["sendgrid"]
    outcome = outcome_of(transport_for("sendgrid"), Letter(recipient="sam@bücher.example"))
    assert outcome.result == Result.SENT
    assert outcome.message_id


def test_resend_gets_a_key_of_its_own_for_each_delivery_and_the_same_when_tried_again(provider_server, transport_for):
    provider_server.usual = TAKEN["resend"]
    letters = [Letter(delivery=1), Letter(delivery=2), Letter(delivery=1)]
    list(transport_for("resend").send(letters))
    first, second, again = (request.headers["Idempotency-Key"] for request in provider_server.requests)
    assert uuid.UUID(first) != uuid.UUID(second)
    assert again == first
    assert provider_server.requests[2].body == provider_server.requests[0].body


def test_an_idempotency_key_outlives_the_process_and_is_not_shared_with_another_installation(
    provider_server, transport_for
):
    provider_server.usual = TAKEN["resend"]
    outcome_of(transport_for("resend"))
    outcome_of(transport_for("resend"))
    here, later = (request.headers["Idempotency-Key"] for request in provider_server.requests)
    assert here == later == "f7ab9a55-ae16-588c-9811-eecb2a59b6ae"
    outcome_of(transport_for("resend"), Elsewhere())
    assert provider_server.requests[-1].headers["Idempotency-Key"] != here


class Elsewhere(Letter):
    """The same delivery of the same issue, from another domain."""

    @property
    def batch_key(self):
        return "elsewhere"

    def template(self, placeholder):
        message = super().template(placeholder)
        message.replace_header("Message-ID", f"<{placeholder('delivery')}.2026-10@other.example.org>")
        return message


def test_brevo_gets_its_key_in_the_message(provider_server, transport_for):
    provider_server.usual = TAKEN["brevo"]
    outcome_of(transport_for("brevo"))
    (request,) = provider_server.requests
    assert uuid.UUID(request.json["headers"]["idempotencyKey"])
    assert request.headers["Idempotency-Key"] is None


def test_one_connection_serves_many_messages_until_it_is_old(provider_server, transport_for, monkeypatch):
    provider_server.usual = TAKEN["mailgun"]
    transport = transport_for("mailgun")
    assert [one.result for one in transport.send([Letter(), Letter(), Letter()])] == [Result.SENT] * 3
    assert provider_server.connections == 1
    monkeypatch.setattr(transport_module, "KEEP_ALIVE", -1)
    assert outcome_of(transport).result == Result.SENT
    assert provider_server.connections == 2


@pytest.mark.parametrize("control", ["\r", "\n", "\0", "\u202e", "\x7f"])
@pytest.mark.parametrize("header", ["Subject", "List-Unsubscribe", "Feedback-ID", "Message-ID"])
def test_no_control_character_reaches_a_header(provider_server, transport_for, header, control):
    outcome = outcome_of(transport_for("mailgun"), InjectedLetter(header, control))
    assert outcome == Outcome(7, Result.FAILED, "cannot-build-message: ValueError")
    assert provider_server.requests == []


class InjectedLetter(Letter):
    """One with a header that Python's own message would not let in."""

    def __init__(self, header, control):
        super().__init__()
        object.__setattr__(self, "injected", (header, control))

    @property
    def batch_key(self):
        return self.injected

    def template(self, placeholder):
        header, control = self.injected
        message = super().template(placeholder)
        message.__class__ = type("Lax", (type(message),), {})
        headers = [(name, f"a{control}b" if name == header else value) for name, value in message._headers]
        message.policy = message.policy.clone(header_factory=lambda name, value: value)
        message._headers = headers
        type(message).__getitem__ = lambda self, name: next((v for k, v in self._headers if k == name), None)
        return message


@pytest.mark.parametrize(
    "address", ["", "sam", "sam@example.org, pat@example.org", "sam@exa mple.org", "sam@☃.example"]
)
def test_an_address_that_is_not_one_address_fails(provider_server, transport_for, address):
    provider_server.usual = TAKEN["mailgun"]
    outcome = outcome_of(transport_for("mailgun"), Letter(recipient=address))
    assert outcome.result == Result.FAILED
    assert outcome.reason.startswith("cannot-build-message: ")
    assert provider_server.requests == []


def test_a_message_that_cannot_be_built_does_not_stop_the_others(provider_server, transport_for):
    provider_server.usual = TAKEN["mailgun"]
    broken, sent = transport_for("mailgun").send([BrokenLetter(delivery=1), Letter(delivery=2)])
    assert broken == Outcome(1, Result.FAILED, "cannot-build-message: ValueError")
    assert sent.result == Result.SENT


def test_what_a_backend_cannot_do_fails_that_message_before_anything_leaves(provider_server, transport_for):
    provider_server.usual = TAKEN["scaleway"]
    eai, plain = transport_for("scaleway", IGNORE_UNSUPPORTED_FEATURES=True).send(
        [Letter(delivery=1, recipient="jörg@example.org"), Letter()]
    )
    assert eai == Outcome(1, Result.FAILED, "cannot-build-message: AnymailUnsupportedFeature")
    assert plain.result == Result.SENT
    assert len(provider_server.requests) == 1


@pytest.mark.parametrize("name", FOUR)
def test_a_refused_connection_hands_nothing_over(transport_for, closed_port, name):
    transport = transport_for(name, **{f"{name.upper()}_API_URL": f"http://127.0.0.1:{closed_port}/"})
    with pytest.raises(TransportUnavailable, match=f"^{name} cannot be reached "):
        outcome_of(transport)
    with pytest.raises(TransportUnavailable, match=r"^127.0.0.1 cannot be reached: "):
        transport.check()


@pytest.mark.parametrize("url", ["http://mail.invalid/", "http://", "nonsense", "ftp://127.0.0.1/", "http://[::1/"])
def test_an_address_that_leads_nowhere_hands_nothing_over(transport_for, monkeypatch, url):
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)  # some resolvers take seconds to say so
    transport = transport_for("mailgun", MAILGUN_API_URL=url)
    with pytest.raises(TransportUnavailable):
        outcome_of(transport)
    with pytest.raises(TransportUnavailable):
        transport.check()


def test_a_missing_key_is_found_by_check(transport_for, settings):
    transport = transport_for("mailgun")
    settings.ANYMAIL = {}
    with pytest.raises(TransportUnavailable, match=r"^mailgun cannot be set up"):
        transport.check()


def test_check_reaches_the_provider_and_sends_nothing(provider_server, transport_for):
    transport_for("mailgun").check()
    assert provider_server.requests == []


def test_a_timeout_from_the_environment_is_text(provider_server, transport_for):
    provider_server.usual = TAKEN["mailgun"]
    assert outcome_of(transport_for("mailgun", REQUESTS_TIMEOUT="5")).result == Result.SENT


def test_no_reason_error_or_log_holds_what_is_personal(provider_server, transport_for, closed_port, caplog, capsys):
    caplog.set_level(logging.DEBUG, logger="newsletter")
    secrets = ("samantha", UNSUBSCRIBE, "sesame", "Hello Sam")
    letter = Letter(recipient="samantha@example.org")
    provider_server.script.extend(
        [
            Reply(400, {"message": "samantha@example.org is no good"}),
            Reply(500, {"message": "samantha@example.org"}),
            Reply(200, {"id": "x", "message": "samantha@example.org?"}),
            Reply(401, {"message": "samantha@example.org"}),
        ]
    )
    outcomes = transport_for("mailgun", DEBUG_API_REQUESTS=True).send([letter] * 4)
    said = [repr(next(outcomes)) for _ in range(4)]
    with pytest.raises(TransportUnavailable) as refused:
        next(outcomes)
    with pytest.raises(TransportUnavailable) as unreachable:
        outcome_of(transport_for("mailgun", MAILGUN_API_URL=f"http://127.0.0.1:{closed_port}"), letter)
    said += [str(refused.value), str(unreachable.value), caplog.text, *capsys.readouterr()]
    assert not [(secret, text) for text in said for secret in secrets if secret in text]
