"""Amazon SES, which goes through boto3 (not installed here: a stand-in takes its place)."""

import json
import sys
import threading
import time
from types import ModuleType

import pytest

from newsletter.providers import get_transport, provider
from newsletter.transports.anymail import AnymailTransport
from newsletter.transports.base import Outcome, Result, TransportUnavailable
from tests.newsletter.transports import UNSUBSCRIBE, Letter
from tests.newsletter.transports.replies import outcome_of


class Config:
    def __init__(self, **options):
        self.options = options

    def merge(self, other):
        return Config(**{**self.options, **other.options})


class BotoError(Exception):
    def __init__(self, code="", status=400, headers=None):
        super().__init__(f"sam@example.org {code}")
        if code:
            self.response = {
                "Error": {"Code": code, "Message": "sam@example.org"},
                "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
            }


class EndpointConnectionError(BotoError):
    pass


class ReadTimeoutError(BotoError):
    pass


@pytest.fixture
def ses(monkeypatch, settings):
    """Stand in for boto3: `ses.answer` is returned or raised, `ses.calls` and `ses.client_params` are kept."""

    class Ses:
        answer = {"MessageId": "ses-1"}
        calls = []
        client_params = None
        making = threading.Lock()
        made_at_once = 0
        clients = 0

        def client(self, service, **params):
            if not Ses.making.acquire(blocking=False):
                Ses.made_at_once += 1
                return self
            time.sleep(0.01)  # long enough for another thread to come in between, if it can
            Ses.client_params = params
            Ses.clients += 1
            Ses.making.release()
            return self

        def send_email(self, **call):
            Ses.calls.append(call)
            if isinstance(Ses.answer, Exception):
                raise Ses.answer
            return Ses.answer

        def close(self):
            pass

    modules = {name: ModuleType(name) for name in ("boto3", "botocore", "botocore.client", "botocore.exceptions")}
    modules["boto3"].session = ModuleType("boto3.session")
    modules["boto3"].session.Session = Ses
    modules["botocore.client"].Config = Config
    for error in ("BotoCoreError", "ClientError", "ConnectionError"):
        setattr(modules["botocore.exceptions"], error, BotoError)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "anymail.backends.amazon_ses", raising=False)
    settings.ANYMAIL = {}
    yield Ses
    sys.modules.pop("anymail.backends.amazon_ses", None)


def test_ses_gets_the_whole_message_and_never_retries(ses, settings):
    settings.ANYMAIL = {
        "AMAZON_SES_CLIENT_PARAMS": json.dumps({"region_name": "eu-west-2", "config": {"retries": {"x": 1}}})
    }
    assert outcome_of(AnymailTransport(provider("amazon_ses"))) == Outcome(7, Result.SENT, message_id="ses-1")
    assert ses.client_params["region_name"] == "eu-west-2"
    assert ses.client_params["config"].options["retries"] == {"total_max_attempts": 1, "mode": "standard"}
    (call,) = ses.calls
    assert call["Destination"] == {"ToAddresses": ["sam@example.org"]}
    raw = call["Content"]["Raw"]["Data"].decode()
    assert f"List-Unsubscribe: <{UNSUBSCRIBE}>" in raw.replace("\n ", " ").replace("  ", " ")
    assert 'X-Metadata: {"delivery": "7", "issue": "2026-10"}' in raw.replace("\n ", " ")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (BotoError("TooManyRequestsException", 400, {"retry-after": "3"}), (Result.RETRY, 3.0, True)),
        (BotoError("Throttling"), (Result.RETRY, None, True)),
        (BotoError("MessageRejected"), (Result.FAILED, None, False)),
        (BotoError("AccountSuspendedException"), (Result.RETRY, None, False)),
        (BotoError("InternalFailure", 500), (Result.UNKNOWN, None, False)),
        (ReadTimeoutError(), (Result.UNKNOWN, None, False)),
        (BotoError(), (Result.UNKNOWN, None, False)),
    ],
)
def test_ses_errors_are_judged_by_their_code(ses, error, outcome):
    ses.answer = error
    got = next(AnymailTransport(provider("amazon_ses")).send([Letter()]))
    assert (got.result, got.retry_after, got.throttled) == outcome
    assert "@" not in got.reason


def test_ses_clients_are_made_one_after_another(ses, settings):
    settings.EMAIL_PROVIDER, settings.SEND_CALLS = "amazon_ses", 4
    transport = get_transport()
    letters = [Letter(delivery=number) for number in range(1, 9)]
    assert [one.result for one in transport.send(letters)] == [Result.SENT] * 8
    transport.close()
    assert ses.clients > 1
    assert ses.made_at_once == 0


def test_ses_out_of_reach_hands_nothing_over(ses):
    ses.answer = EndpointConnectionError()
    with pytest.raises(TransportUnavailable, match=r"^amazon_ses cannot be reached"):
        outcome_of(AnymailTransport(provider("amazon_ses")))


def test_without_boto3_ses_cannot_be_set_up(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "anymail.backends.amazon_ses", raising=False)
    with pytest.raises(TransportUnavailable, match=r"^amazon_ses cannot be set up"):
        AnymailTransport(provider("amazon_ses")).check()
