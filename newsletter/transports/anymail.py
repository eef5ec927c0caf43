"""Hands messages to a mail provider through Anymail, and judges each outcome once.

A call carries one person's message, or those of several where the provider fills their values in (`batching.py`).
Anymail's own verdicts suit account mail: an empty reply counts as “everybody refused”, a recipient the reply does
not name as “failed”, any 2xx as “queued”. Here only what proves its case counts, the rest is UNKNOWN (ADR 5).
"""

import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import AnymailInvalidAddress, AnymailSerializationError, AnymailUnsupportedFeature
from anymail.message import AnymailMessage
from anymail.utils import get_anymail_setting
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from requests.adapters import HTTPAdapter

from newsletter.transports.base import Outcome, Outgoing, Result, TransportUnavailable
from newsletter.transports.batching import PEOPLE, Abilities, Addressed, Drafts, address, build_mail, calls
from newsletter.transports.judging import NothingLeft, Verdict, judge_error, judge_status

KEEP_ALIVE = 15  # seconds a connection may lie idle: an older one may be dead, and using it would end in doubt
# Of SEND_DEFAULTS only these reach the e-news: nothing there may add people, or turn tracking on.
ALLOWED_DEFAULTS = ("tags", "esp_extra", "envelope_sender")
BUILDING = (AnymailUnsupportedFeature, AnymailInvalidAddress, AnymailSerializationError)
_setting_up = threading.Lock()  # boto3 must not make two clients at once


class AnymailTransport:
    """One kept session with one provider, for one thread; nothing in it tries again by itself."""

    def __init__(self, provider: Abilities, drafts: Drafts | None = None) -> None:
        """`drafts` may be shared with other transports."""
        self._provider = provider
        self._drafts = drafts or Drafts()
        self._backend: Any = None
        self._gate = _Gate()
        self._used = 0.0

    @property
    def name(self) -> str:
        return self._provider.name

    def check(self) -> None:
        """Set the backend up and reach its host, without sending. Raises TransportUnavailable."""
        self.close()
        backend = self._opened()
        if url := getattr(backend, "api_url", ""):
            _reach(url)

    def send(self, messages: Iterable[Outgoing]) -> Iterator[Outcome]:
        """Hand messages over, in batches where the provider takes them. Raises TransportUnavailable when no connection
        can be made, or after the provider has refused our account: everybody else would be refused as well.

        The people of a batch share what could not be told apart: no reply in time leaves all of them UNKNOWN, 429
        lets all of them wait, and some providers give all of them one message id (events find a delivery by its id
        among the metadata first).
        """
        for call in calls(messages, PEOPLE if self._provider.merge else 1):
            people: list[Addressed] = []
            for message in call:
                try:
                    people.append(address(message, self._drafts.of(message)))
                except Exception as error:  # a message that cannot be built must not stop the others
                    yield Outcome(message.delivery, Result.FAILED, f"cannot-build-message: {type(error).__name__}")
            if people:
                yield from self._hand_over(people)

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
                with _setting_up:
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

    def _hand_over(self, people: Sequence[Addressed]) -> Iterator[Outcome]:
        """Make one call, and say what became of each; make one call each when what refused the batch may be the fault
        of one of them (Mailgun answers 400 for all when one address is bad): nothing was accepted then."""
        verdicts = self._call(people)
        if verdicts is None:
            for one in people:
                yield from self._hand_over([one])
            return
        for one, verdict in zip(people, verdicts, strict=True):
            yield verdict.outcome(one.delivery)
        if refused := next((verdict for verdict in verdicts if verdict.refuses_us), None):
            raise TransportUnavailable(
                f"{self._provider.name} refuses our account or sender ({refused.reason}): check the ANYMAIL_* "
                "settings and NEWS_FROM, then send again."
            )

    def _call(self, people: Sequence[Addressed]) -> list[Verdict] | None:
        """Make one call and judge it for each of these people; None when it was refused for what one may have."""
        backend, header, quirks = self._opened(), self._provider.idempotency_header, self._provider.quirks
        if header and isinstance(backend, AnymailRequestsBackend) and not quirks.idempotency_in_message:
            backend.session.headers[header] = people[0].key  # keyed calls carry one person
        mail = build_mail(people, self._provider)
        error = self._post(mail)
        status, alone = mail.anymail_status, len(people) == 1
        if status.recipients:
            return [
                judge_status(
                    status,
                    only=None if alone else one.to,
                    invents_failures=quirks.invents_failures,
                    accepted_status=quirks.accepted_status,
                    keyed=bool(header),
                )
                for one in people
            ]
        verdict = self._judge(error)
        if verdict.result == Result.FAILED and not alone:
            return None
        return [verdict] * len(people)

    def _post(self, mail: AnymailMessage) -> Exception | None:
        self._gate.attempted = False
        try:
            self._backend.send_messages([mail])
        except Exception as error:  # Anymail lets KeyErrors and the like of unexpected replies through
            return error
        finally:
            self._used = time.monotonic()
        return None

    def _judge(self, error: Exception | None) -> Verdict:
        """Judge a call that brought no verdict on anybody. Raises TransportUnavailable when it was never made."""
        if error is None:
            return Verdict(Result.UNKNOWN, "unreadable-reply: no verdict on the recipient")
        # boto3 passes no gate: there, only what Anymail raises while it builds a request proves that none was made.
        over_http = isinstance(self._backend, AnymailRequestsBackend)
        try:
            if self._gate.attempted if over_http else not isinstance(error, BUILDING):
                return judge_error(error, keyed=bool(self._provider.idempotency_header))
            if isinstance(error, requests.RequestException | ImproperlyConfigured):
                raise NothingLeft(type(error).__name__)
        except NothingLeft as nothing:
            raise TransportUnavailable(
                f"{self._provider.name} cannot be reached ({nothing}): check the network and the ANYMAIL_* settings, "
                "then try again."
            ) from error
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
