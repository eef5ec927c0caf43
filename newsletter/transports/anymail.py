"""Hands messages to a mail provider through Anymail, one call per person, and judges each outcome once.

Anymail's own verdicts suit account mail: an empty reply counts as “everybody refused”, a recipient the reply does
not name as “failed”, any 2xx as “queued”. Here only what proves its case counts, the rest is UNKNOWN (ADR 5).
"""

import json
import re
import socket
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import idna
import requests
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import AnymailInvalidAddress, AnymailSerializationError, AnymailUnsupportedFeature
from anymail.message import AnymailMessage
from anymail.utils import get_anymail_setting, parse_single_address
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from requests.adapters import HTTPAdapter

from newsletter.transports.base import Outcome, Outgoing, Result, TransportUnavailable
from newsletter.transports.judging import NothingLeft, Verdict, judge_error, judge_status

KEEP_ALIVE = 15  # seconds a connection may lie idle: an older one may be dead, and using it would end in doubt
HEADERS = (
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Auto-Submitted",
    "Feedback-ID",
    "Message-ID",
    "Reply-To",
)
# Control and bidi characters: Anymail's API backends pass them on, and what providers make of them is anybody's guess.
FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Of SEND_DEFAULTS only these reach the e-news: nothing there may add people, or turn tracking on.
ALLOWED_DEFAULTS = ("tags", "esp_extra", "envelope_sender")
BUILDING = (AnymailUnsupportedFeature, AnymailInvalidAddress, AnymailSerializationError)


@dataclass(frozen=True)
class Quirks:
    """What one Anymail backend needs, cannot do, or gets wrong, as far as sending one message is concerned."""

    tracking_switch: bool = False  # takes track_opens and track_clicks; others raise even for False
    idempotency_in_message: bool = False  # the key goes among the message's headers, not the HTTP request's
    left_out: frozenset[str] = frozenset()  # headers it refuses
    headers: Mapping[str, str] = field(default_factory=dict)  # added to every message
    esp_extra: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)  # for the backend itself, over its settings
    invents_failures: bool = False  # Anymail says “failed” when the reply does not name the recipient
    accepted_status: int | None = None  # Anymail takes any 2xx for success; only this one is


class Abilities(Protocol):
    """What is read of a `providers.Provider`."""

    @property
    def name(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def metadata(self) -> bool: ...
    @property
    def idempotency_header(self) -> str | None: ...
    @property
    def quirks(self) -> Quirks: ...


class AnymailTransport:
    """One kept session with one provider; nothing in it tries again by itself."""

    def __init__(self, provider: Abilities) -> None:
        self._provider = provider
        self._backend: Any = None
        self._gate = _Gate()
        self._used = 0.0

    def check(self) -> None:
        """Set the backend up and reach its host, without sending. Raises TransportUnavailable."""
        self.close()
        backend = self._opened()
        if url := getattr(backend, "api_url", ""):
            _reach(url)

    def send(self, messages: Sequence[Outgoing]) -> Iterator[Outcome]:
        """Hand over each message. Raises TransportUnavailable when no connection can be made for the next one, or
        after the provider has refused our account: everybody else would be refused as well."""
        for message in messages:
            try:
                mail = build_mail(message, self._provider)
            except Exception as error:  # a message that cannot be built must not stop the others
                yield Outcome(message.delivery, Result.FAILED, f"cannot-build-message: {type(error).__name__}")
                continue
            verdict = self._hand_over(message, mail)
            yield Outcome(message.delivery, verdict.result, verdict.reason, verdict.message_id, verdict.retry_after)
            if verdict.refuses_us:
                raise TransportUnavailable(
                    f"{self._provider.name} refuses our account or sender ({verdict.reason}): check the ANYMAIL_* "
                    "settings and NEWS_FROM, then send again."
                )

    def close(self) -> None:
        """Let the session go."""
        if self._backend is not None:
            self._backend.close()
        self._backend = None

    def _opened(self) -> Any:
        if self._backend is not None and time.monotonic() - self._used > KEEP_ALIVE:
            self.close()
        if self._backend is None:
            try:
                backend = make_backend(self._provider)
                urlsplit(getattr(backend, "api_url", ""))  # a malformed API_URL would otherwise fail each message
                backend.open()
            except Exception as error:  # boto3 has its own way of saying that a region or a key is missing
                raise TransportUnavailable(
                    f"{self._provider.name} cannot be set up ({type(error).__name__}): run `manage.py check` and set "
                    "what it names."
                ) from error
            if isinstance(backend, AnymailRequestsBackend):
                self._gate = _Gate()
                backend.session.max_redirects = 0  # a redirected POST would be sent a second time
                for scheme in ("http://", "https://"):
                    backend.session.mount(scheme, self._gate)
            self._backend = backend
            self._used = time.monotonic()
        return self._backend

    def _hand_over(self, message: Outgoing, mail: AnymailMessage) -> Verdict:
        backend, header = self._opened(), self._provider.idempotency_header
        if header and isinstance(backend, AnymailRequestsBackend) and not self._provider.quirks.idempotency_in_message:
            backend.session.headers[header] = idempotency_key(message, mail.extra_headers.get("Message-ID", ""))
        self._gate.attempted = False
        error: Exception | None = None
        try:
            backend.send_messages([mail])
        except Exception as caught:  # Anymail lets KeyErrors and the like of unexpected replies through
            error = caught
        finally:
            self._used = time.monotonic()
        try:
            return self._judge(mail, error)
        except NothingLeft as nothing:
            raise TransportUnavailable(
                f"{self._provider.name} cannot be reached ({nothing}): check the network and the ANYMAIL_* settings, "
                "then try again."
            ) from error

    def _judge(self, mail: AnymailMessage, error: Exception | None) -> Verdict:
        """Judge one call by Anymail's status, or by the error. Raises NothingLeft."""
        quirks, keyed = self._provider.quirks, bool(self._provider.idempotency_header)
        if mail.anymail_status.recipients:
            return judge_status(
                mail.anymail_status,
                invents_failures=quirks.invents_failures,
                accepted_status=quirks.accepted_status,
                keyed=keyed,
            )
        if error is None:
            return Verdict(Result.UNKNOWN, "unreadable-reply: no verdict on the recipient")
        # boto3 passes no gate: there, only what Anymail raises while it builds a request proves that none was made.
        over_http = isinstance(self._backend, AnymailRequestsBackend)
        if self._gate.attempted if over_http else not isinstance(error, BUILDING):
            return judge_error(error, keyed=keyed)
        if isinstance(error, requests.RequestException | ImproperlyConfigured):
            raise NothingLeft(type(error).__name__)
        return Verdict(Result.FAILED, f"cannot-build-message: {type(error).__name__}")


class _Gate(HTTPAdapter):
    """Makes each request once, and knows whether one was made at all."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.attempted = False

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.attempted = True
        return super().send(*args, **kwargs)


def make_backend(provider: Abilities) -> Any:
    """Return the provider's Anymail backend, kept from retrying, printing, and adding to our messages.

    Raises ImproperlyConfigured when a package or a setting is missing.
    """
    options: dict[str, Any] = {
        "ignore_unsupported_features": False,
        "ignore_recipient_status": False,
        "debug_api_requests": False,  # would print keys, addresses and bodies
        **provider.quirks.options,
    }
    timeout = get_anymail_setting("requests_timeout", default=30)
    options["timeout"] = float(timeout) if isinstance(timeout, str) else timeout  # from the environment it is text
    if provider.name == "amazon_ses":
        options["client_params"] = _without_retries(get_anymail_setting("amazon_ses_client_params", default={}))
    backend = import_string(provider.backend)(**options)
    defaults = backend.send_defaults if isinstance(backend.send_defaults, Mapping) else {}
    backend.send_defaults = {key: value for key, value in defaults.items() if key in ALLOWED_DEFAULTS}
    return backend


def _without_retries(params: Any) -> dict[str, Any]:
    """Return boto3 client parameters with its four hidden retries off, whatever else they say."""
    result: dict[str, Any] = dict(json.loads(params) if isinstance(params, str) else params)
    config, once = result.get("config") or {}, {"total_max_attempts": 1, "mode": "standard"}
    if isinstance(config, Mapping):
        result["config"] = {**config, "retries": once}
    else:
        result["config"] = config.merge(type(config)(retries=once))  # a botocore Config
    return result


def build_mail(message: Outgoing, provider: Abilities) -> AnymailMessage:
    """Return the message as Anymail takes it: one person in To, our headers, our id as metadata, no tracking.

    Addresses go out with ASCII domains, because several backends look per-recipient data up under the encoded
    address and find nothing. Raises ValueError for a message that must not be sent as it is.
    """
    source, quirks = message.as_email(), provider.quirks
    text, html = source.get_body(("plain",)), source.get_body(("html",))
    if text is None:
        raise ValueError("no text part")
    headers = {name: str(source[name]).strip() for name in HEADERS if source[name] and name not in quirks.left_out}
    headers |= quirks.headers
    if provider.idempotency_header and quirks.idempotency_in_message:
        headers[provider.idempotency_header] = idempotency_key(message, headers.get("Message-ID", ""))
    recipient = parse_single_address(message.recipient)
    if recipient.addr_spec != message.recipient:
        raise ValueError("not an address as it stands")  # “sam@exa mple.org” would go to somebody at example.org
    subject, sender = str(source["Subject"]), str(source["From"])
    for value in (subject, sender, message.recipient, *headers.values()):
        if FORBIDDEN.search(value):
            raise ValueError("a header holds a control character")
    more: dict[str, Any] = {}
    if provider.metadata:
        more["metadata"] = {"delivery": str(message.delivery), "issue": message.issue}
    if quirks.tracking_switch:
        more |= {"track_opens": False, "track_clicks": False}
    if quirks.esp_extra:
        more["esp_extra"] = {**quirks.esp_extra}
    mail = AnymailMessage(
        subject=subject,
        body=text.get_content().replace("\r\n", "\n"),
        from_email=parse_single_address(sender).format(idna_encode=_ascii),
        to=[recipient.format_addr_spec(idna_encode=_ascii)],
        headers=headers,
        **more,
    )
    if html is not None:
        mail.attach_alternative(html.get_content().replace("\r\n", "\n"), "text/html")
    return mail


def _ascii(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode()


def idempotency_key(message: Outgoing, message_id: str) -> str:
    """Return a UUID that is the same each time this delivery is handed over. The Message-ID, with our domain in it,
    sets apart installations that share one provider account."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{message_id}/{message.issue}/{message.delivery}"))


def _reach(url: str) -> None:
    """Raise TransportUnavailable when nothing listens where `url` points (not asked when there is a proxy between)."""
    parts = urlsplit(url)
    try:
        if requests.utils.get_environ_proxies(url):
            return
        port = parts.port or (80 if parts.scheme == "http" else 443)
        socket.create_connection((parts.hostname or "", port), timeout=10).close()
    except (OSError, ValueError) as error:
        raise TransportUnavailable(
            f"{parts.hostname} cannot be reached: check the network and the ANYMAIL_*_API_URL setting."
        ) from error
