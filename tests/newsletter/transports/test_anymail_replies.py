"""Mail providers: what each reply, and each way of not replying, proves. The faults come from a server on loopback."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import urllib3.exceptions
from anymail.exceptions import AnymailAPIError
from anymail.signals import post_send

from newsletter.transports.base import Outcome, Result, TransportUnavailable
from newsletter.transports.judging import judge_error, parse_retry_after
from tests.newsletter.transports import Letter
from tests.newsletter.transports.replies import FOUR, TAKEN, outcome_of
from tests.servers.http import Reply


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize(
    ("status", "result"),
    [
        (400, Result.FAILED),
        (413, Result.FAILED),
        (422, Result.FAILED),
        (401, Result.RETRY),
        (403, Result.RETRY),
        (404, Result.RETRY),
        (429, Result.RETRY),
        (408, Result.UNKNOWN),
        (500, Result.UNKNOWN),
        (502, Result.UNKNOWN),
        (503, Result.UNKNOWN),
        (307, Result.UNKNOWN),
    ],
)
def test_each_status_is_judged(provider_server, transport_for, name, status, result):
    headers = {"Location": provider_server.url} if status == 307 else {"Retry-After": "9"} if status == 503 else {}
    provider_server.usual = Reply(status, {"Message": "no", "ErrorCode": 1}, headers)
    outcome = next(transport_for(name).send([Letter()]))
    assert (outcome.result, outcome.delivery) == (result, 7)
    assert f"http-{status}" in outcome.reason
    assert len(provider_server.requests) == 1


@pytest.mark.parametrize("name", FOUR)
def test_429_says_when_to_come_back(provider_server, transport_for, name):
    provider_server.script.append(Reply(429, {}, {"Retry-After": "17"}))
    provider_server.usual = TAKEN[name]
    waiting, sent = transport_for(name).send([Letter(delivery=1), Letter(delivery=2)])
    assert waiting == Outcome(1, Result.RETRY, "http-429", retry_after=17.0, throttled=True)
    assert sent.result == Result.SENT


def test_retry_after_may_be_a_date_or_nonsense():
    soon = parse_retry_after(format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True))
    assert 100 < soon <= 120
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert parse_retry_after("9" * 400) == 86400
    assert parse_retry_after("0") == 0
    for nonsense in ("", "soon", "-3", "1.5", "Wed, 99 Foo 2015 07:28:00 GMT"):
        assert parse_retry_after(nonsense) is None


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hang", "no-reply-in-time"),
        ("reset-before-reading", "connection-lost"),
        ("reset-after-reading", "connection-lost"),
        ("close-after-reading", "connection-lost"),
        ("half-a-reply", "connection-lost"),
    ],
)
def test_silence_after_a_call_is_unknown_and_never_tried_again(provider_server, transport_for, name, fault, reason):
    provider_server.script.append(Reply(200, TAKEN[name].body, fault=fault))
    provider_server.usual = TAKEN[name]
    lost, sent = transport_for(name).send([Letter(delivery=1), Letter(delivery=2)])
    assert lost == Outcome(1, Result.UNKNOWN, reason)
    assert sent.result == Result.SENT
    assert len(provider_server.requests) == (1 if fault == "reset-before-reading" else 2)


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize(
    "rubbish", [b"", b"<html>Welcome to our hotel</html>", b'"Hello"', b"[]", b"{}", b"null", b"7", b'{"id": null}']
)
def test_a_success_that_proves_nothing_is_unknown(provider_server, transport_for, name, rubbish):
    provider_server.usual = Reply(200, rubbish)
    outcome = outcome_of(transport_for(name))
    assert outcome.result == Result.UNKNOWN
    assert outcome.message_id == ""


@pytest.mark.parametrize(
    ("name", "reply", "reason"),
    [
        ("mandrill", Reply(200, [{"email": "sam@example.org", "status": "rejected"}]), "recipient-rejected"),
        ("mandrill", Reply(200, [{"email": "sam@example.org", "status": "invalid"}]), "recipient-invalid"),
        (
            "scaleway",
            Reply(200, {"emails": [{"mail_rcpt": "sam@example.org", "status": "failed"}]}),
            "recipient-failed",
        ),
        (
            "sparkpost",
            Reply(200, {"results": {"total_accepted_recipients": 0, "total_rejected_recipients": 1, "id": "x"}}),
            "recipient-rejected",
        ),
        (
            "postmark",
            Reply(
                422,
                {
                    "ErrorCode": 406,
                    "Message": "You tried to send to a recipient that has been marked as inactive.\n"
                    "Found inactive addresses: sam@example.org.\nInactive recipients are ones that ….",
                },
            ),
            "http-422",
        ),
        ("postmark", Reply(422, {"ErrorCode": 300, "Message": "Invalid 'To' address: 'sam@example.org'."}), "http-422"),
        ("postmark", Reply(422, {"ErrorCode": 406, "Message": "Worded in a new way."}), "http-422"),
        (
            "mailjet",
            Reply(400, {"Messages": [{"Status": "error", "Errors": [{"ErrorCode": "send-0003"}]}]}),
            "http-400",
        ),
        (
            "mailersend",
            Reply(202, {"warnings": [{"type": "ALL_SUPPRESSED", "recipients": [{"email": "sam@example.org"}]}]}),
            "recipient-rejected",
        ),
    ],
)
def test_a_refused_recipient_fails(provider_server, transport_for, name, reply, reason):
    provider_server.script.append(reply)
    provider_server.usual = TAKEN[name]
    refused, sent = transport_for(name).send([Letter(delivery=1), Letter(delivery=2)])
    assert refused == Outcome(1, Result.FAILED, reason)
    assert sent.result == Result.SENT


@pytest.mark.parametrize("status", ["unknown", "something-new", None])
def test_a_recipient_without_a_verdict_is_unknown(provider_server, transport_for, status):
    provider_server.usual = Reply(200, [{"email": "sam@example.org", "status": status, "_id": "x"}])
    assert outcome_of(transport_for("mandrill")).result == Result.UNKNOWN


def test_postmark_naming_a_nonsensical_recipient_is_unknown(provider_server, transport_for):
    # Anymail raises AnymailInvalidAddress for it, which otherwise means that nothing was sent.
    provider_server.usual = Reply(
        200, {"ErrorCode": 0, "Message": "OK", "MessageID": "pm-1", "To": "sam@@example.org <"}
    )
    assert outcome_of(transport_for("postmark")).result == Result.UNKNOWN


def test_a_known_idempotency_key_does_not_prove_a_failure(provider_server, transport_for):
    provider_server.script.extend(
        [
            Reply(400, {"code": "duplicate_parameter", "message": "Idempotency key already used"}),
            Reply(409, {"name": "concurrent_idempotent_requests"}),
            Reply(409, {}),
        ]
    )
    assert outcome_of(transport_for("brevo")) == Outcome(7, Result.UNKNOWN, "idempotency-key-known: http-400")
    assert outcome_of(transport_for("resend")) == Outcome(7, Result.UNKNOWN, "idempotency-key-known: http-409")
    assert outcome_of(transport_for("mailgun")) == Outcome(7, Result.FAILED, "http-409")


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refused_account_stops_before_everybody_fails(provider_server, transport_for, status):
    provider_server.usual = Reply(status, {})
    outcomes = transport_for("mailgun").send([Letter(delivery=1), Letter(delivery=2)])
    assert next(outcomes) == Outcome(1, Result.RETRY, f"http-{status}")
    with pytest.raises(TransportUnavailable, match=rf"^mailgun refuses our account or sender \(http-{status}\): check"):
        next(outcomes)
    assert len(provider_server.requests) == 1


def test_a_receiver_that_fails_after_the_call_does_not_undo_it(provider_server, transport_for):
    def receiver(**kwargs):
        raise RuntimeError

    provider_server.usual = TAKEN["mailgun"]
    post_send.connect(receiver)
    try:
        assert outcome_of(transport_for("mailgun")).result == Result.SENT
    finally:
        post_send.disconnect(receiver)


def test_an_error_without_any_cause_is_unknown():
    assert judge_error(AnymailAPIError("who knows")).result == Result.UNKNOWN


def test_a_refusal_to_somebody_else_is_no_proof_that_this_one_never_left(provider_server, transport_for):
    provider_server.script.append(Reply(fault="close-after-reading"))
    outcomes = transport_for("mailgun").send([Letter()])
    try:
        raise urllib3.exceptions.NewConnectionError(None, "refused")
    except urllib3.exceptions.NewConnectionError:  # it now is the context of every error raised in here
        assert next(outcomes).result == Result.UNKNOWN
