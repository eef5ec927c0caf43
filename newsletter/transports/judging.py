"""Judges how a hand-over through Anymail ended. Pure: nothing here touches the network.

What proves that nothing was accepted: no connection was made, or the provider answered 429 or another documented
4xx. What proves acceptance: the reply names the recipient as sent or queued and gives the message an id. All else,
5xx and 408 included (providers have been seen to answer 500 and to send), is UNKNOWN.
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3.exceptions
from anymail.message import AnymailStatus

from newsletter.transports.base import Outcome, Result

LONGEST_WAIT = 86400  # seconds; whoever asks for more is not believed
ACCEPTED = {"sent", "queued"}
UNDECIDED = {"unknown", None}

# Raised before the first byte of a request has left.
NEVER_LEFT = (
    urllib3.exceptions.NewConnectionError,  # refused, unreachable; NameResolutionError is one
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,  # only while the proxy itself has not been reached
    ssl.SSLCertVerificationError,
    requests.exceptions.InvalidURL,
)
NEVER_LEFT_BOTO = {  # botocore may not be installed: known by name
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ProxyConnectionError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "NoRegionError",
}
SLOW_DOWN = {420, 429}  # 420 is SparkPost's: hourly or daily limit reached
REFUSES_US = {401, 402, 403, 404}  # key, payment, permission, sender domain or endpoint: never one recipient's fault
# Amazon SES answers 400 to these.
THROTTLED_SES = {"TooManyRequestsException", "ThrottlingException", "Throttling", "LimitExceededException"}
REFUSES_US_SES = {
    "AccountSuspendedException",
    "SendingPausedException",
    "MailFromDomainNotVerifiedException",
    "NotFoundException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
}


class NothingLeft(Exception):
    """No connection was made: nothing was handed over."""


@dataclass(frozen=True)
class Verdict:
    """What became of one message. `refuses_us`: the provider refused our account, so it would refuse everybody."""

    result: Result
    reason: str = ""
    message_id: str = ""
    retry_after: float | None = None
    throttled: bool = False
    refuses_us: bool = False

    def outcome(self, delivery: int) -> Outcome:
        return Outcome(delivery, self.result, self.reason, self.message_id, self.retry_after, self.throttled)


def judge_status(
    status: AnymailStatus,
    *,
    only: str | None = None,
    invents_failures: bool = False,
    accepted_status: int | None = None,
    keyed: bool = False,
) -> Verdict:
    """Judge what the reply said of a recipient: of the address `only`, else of the only one there was.

    `invents_failures`: Anymail says “failed” when the reply does not name the recipient. `accepted_status`: the
    only HTTP status that means acceptance, where Anymail takes any 2xx for it. `keyed`: see `judge_error`.
    """
    # A call for one person is judged by whatever it names: providers respell addresses in their replies.
    if only is None:
        found = list(status.recipients.values())
    else:
        found = [status.recipients[only]] if only in status.recipients else []
    code = getattr(status.esp_response, "status_code", None)
    accepted = [one for one in found if one.status in ACCEPTED]
    if accepted and (code is None or 200 <= code < 300):
        if accepted_status and code != accepted_status:
            return Verdict(Result.UNKNOWN, f"unreadable-reply: http-{code}")
        if not accepted[0].message_id:
            return Verdict(Result.UNKNOWN, "accepted-without-id")
        return Verdict(Result.SENT, message_id=str(accepted[0].message_id))
    said = {one.status for one in found}
    if code is not None and not 200 <= code < 300:
        # Mailjet and Postmark explain some refusals in the body of a 4xx, which Anymail then takes for a reply.
        return _judge_http(code, status.esp_response.headers, status.esp_response.text, keyed=keyed)
    if accepted or not said or said & UNDECIDED or ("failed" in said and invents_failures):
        return Verdict(Result.UNKNOWN, "unreadable-reply: no verdict on the recipient")
    return Verdict(Result.FAILED, f"recipient-{min(said)}")


def judge_error(error: Exception, *, keyed: bool = False) -> Verdict:
    """Judge an error of a call that was made. Raises NothingLeft when no connection came about.

    `keyed`: the call carried an idempotency key, so a complaint about the key means that it was known already and
    says nothing about what became of the message: the first call may be under way, or may have failed. A repeat that
    is answered like the first call needs no rule of its own: the provider's id in it proves that it was accepted.
    """
    causes = list(_causes(error))
    answers = (getattr(one, "response", None) for one in causes)
    answer = next((one for one in answers if one is not None), None)  # never `if one`: a 4xx Response is falsy
    if isinstance(answer, Mapping):
        return _judge_ses(answer)
    if answer is not None:
        return _judge_http(answer.status_code, answer.headers, answer.text, keyed=keyed)
    if any(isinstance(one, NEVER_LEFT) or type(one).__name__ in NEVER_LEFT_BOTO for one in causes):
        raise NothingLeft(type(causes[-1]).__name__)
    if any("Timeout" in type(one).__name__ for one in causes):
        return Verdict(Result.UNKNOWN, "no-reply-in-time")
    if any(isinstance(one, OSError | urllib3.exceptions.ProtocolError) for one in causes):
        return Verdict(Result.UNKNOWN, "connection-lost")
    return Verdict(Result.UNKNOWN, f"unreadable-reply: {type(error).__name__}")


def _judge_http(code: int, headers: Mapping[str, str], body: str, *, keyed: bool) -> Verdict:
    reason = f"http-{code}"
    if code in SLOW_DOWN:
        return _slow_down(reason, headers.get("Retry-After", ""))
    if keyed and (code == 409 or (code in {400, 422} and ("duplicate" in body or "idempoten" in body.lower()))):
        return Verdict(Result.UNKNOWN, f"idempotency-key-known: {reason}")
    if code in REFUSES_US:
        return Verdict(Result.RETRY, reason, refuses_us=True)
    if 400 <= code < 500 and code != 408:
        return Verdict(Result.FAILED, reason)
    if code == 408 or code >= 500:
        return Verdict(Result.UNKNOWN, reason)
    return Verdict(Result.UNKNOWN, f"unreadable-reply: {reason}")


def _judge_ses(answer: Mapping[str, Any]) -> Verdict:
    """Judge boto3's parsed error: {"Error": {"Code"}, "ResponseMetadata": {"HTTPStatusCode", "HTTPHeaders"}}."""
    name = str(answer.get("Error", {}).get("Code", ""))
    about = answer.get("ResponseMetadata", {})
    code, headers = about.get("HTTPStatusCode", 0), about.get("HTTPHeaders", {})
    reason = f"http-{code} {name}" if name.isalnum() else f"http-{code}"
    if name in THROTTLED_SES:
        return _slow_down(reason, headers.get("retry-after", ""))
    if name in REFUSES_US_SES:
        return Verdict(Result.RETRY, reason, refuses_us=True)
    return _judge_http(code, headers, "", keyed=False)


def _slow_down(reason: str, retry_after: str) -> Verdict:
    return Verdict(Result.RETRY, reason, retry_after=parse_retry_after(retry_after), throttled=True)


def parse_retry_after(text: str) -> float | None:
    """Return Retry-After (RFC 9110: seconds or a date) as seconds from now (0 to LONGEST_WAIT), or None."""
    if text.strip().isdecimal():
        return float(min(int(text), LONGEST_WAIT))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), LONGEST_WAIT)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error to what lies beneath it, by the links that libraries set on purpose.

    `__context__` is left out: it also names whatever the caller happened to be handling, and a connection refused
    to somebody else must not pass for proof that this message never left.
    """
    seen: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and not any(one is known for known in seen):
            seen.append(one)
            yield one
            todo += [one.__cause__, getattr(one, "reason", None), getattr(one, "original_error", None), *one.args]
