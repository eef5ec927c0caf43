"""What goes to a Sentry or a collector, when one is set: the same as in the log, and nothing about anybody."""

import json
import logging
import sys

import pytest
import sentry_sdk
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import RequestFactory
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.transport import Transport

from config.observing import errors, tracing, workers
from config.observing.correlation import Context, current
from config.observing.requests import RequestLog
from tests.observing.test_workers import Asked

TOKEN = "Zk3-9_aQxW7tLmP0cVbN2rYs"  # pragma: allowlist secret
HOSTILE = ("example.org", TOKEN, "hunter2", "203.0.113.7", "Jo Smith", "somebody-s-browser")


class Kept(Transport):
    """Keeps what would have gone to Sentry."""

    def __init__(self, options=None):
        super().__init__(options)
        self.envelopes = []

    def capture_envelope(self, envelope):
        self.envelopes.append(envelope)


@pytest.fixture
def sent(monkeypatch):
    transport = Kept()
    before = sentry_sdk.get_global_scope().client
    errors.start("https://key@sentry.example.org/1", transport=transport)
    yield lambda: [item.payload.json for envelope in transport.envelopes for item in envelope.items]
    sentry_sdk.get_global_scope().set_client(before)


def fail():
    password = "hunter2"  # what a frame's variables would tell
    raise ValueError(f"jo@example.org could not be mailed: {TOKEN}" + password[:0])


def test_an_error_is_told_with_its_ids_and_nothing_else(sent):
    before = current.set(Context(request_id="abc12345"))
    sentry_sdk.set_user({"email": "jo@example.org", "ip_address": "203.0.113.7"})
    sentry_sdk.set_extra("body", "Jo Smith")
    sentry_sdk.add_breadcrumb(message="jo@example.org")
    try:
        fail()
    except ValueError:
        extra = {"delivery": 7, "request": RequestFactory().post("/join/", {"name": "Jo Smith"})}
        logging.getLogger("newsletter.sending").exception("%s was lost from 203.0.113.7", "jo@example.org", extra=extra)
    finally:
        current.reset(before)
        sentry_sdk.set_user(None)
    (event,) = sent()
    assert event["extra"] == {"request_id": "abc12345", "delivery": 7}
    assert event["tags"] == {"request_id": "abc12345"}
    assert event["exception"]["values"][0]["value"] == "[address] could not be mailed: [token]"
    assert event["logentry"]["formatted"] == "[address] was lost from [ip]"
    assert event["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] == "fail"
    rest = json.dumps(event["extra"]) + json.dumps(event["logentry"]) + json.dumps(sorted(event))
    assert not [one for one in HOSTILE if one in rest]
    assert set(event) <= {*errors.EVENT, "extra", "tags", "logentry", "exception"}
    assert not any("vars" in frame for frame in event["exception"]["values"][0]["stacktrace"]["frames"])


def test_what_sentry_may_invent_one_day_stays_here():
    event = {"message": f"lost {TOKEN}", "request": {"url": f"/e-news/u/{TOKEN}/"}, "user": {"id": 1}, "new": TOKEN}
    assert errors.scrub(event, {}) == {"logentry": {"message": "lost [token]", "formatted": "lost [token]"}}


def test_warnings_stay_here(sent):
    logging.getLogger("newsletter.sending").warning("the database is away")
    assert sent() == []


@pytest.mark.parametrize(
    ("start", "setting", "extra", "package"),
    [
        (errors.start, "SENTRY_DSN", "sentry", "sentry_sdk"),
        (tracing.start, "OTEL_EXPORTER_OTLP_ENDPOINT", "otel", "opentelemetry.exporter.otlp.proto.http.trace_exporter"),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, start, setting, extra, package):
    monkeypatch.setitem(sys.modules, package, None)
    start("")  # nothing is wanted, so nothing is missing
    with pytest.raises(ImproperlyConfigured, match=f"{setting} is set, but the extra “{extra}”"):
        start("http://localhost:4318")


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    tracing.start("http://localhost:4318", exporter)
    yield exporter.get_finished_spans
    tracing.stop()


def test_a_request_and_its_task_are_one_trace(spans):
    headers = {}

    def view(request):
        workers.hand_on(headers=headers)
        return HttpResponse(status=503)

    request = RequestFactory(REMOTE_ADDR="203.0.113.7", headers={"user-agent": "somebody-s-browser"})
    answer = RequestLog(view)(request.get(f"/e-news/u/{TOKEN}/?q=jo@example.org"))
    task = Asked(**headers)
    workers.begin(task_id="task-1", task=task)
    workers.end(task_id="task-1", task=task, state="FAILURE")

    asked, done = spans()
    assert (asked.name, done.name) == ("GET e-news", "newsletter.tasks.tick")
    assert done.parent.span_id == asked.context.span_id
    assert asked.context.trace_id == done.context.trace_id
    assert asked.attributes["ihop.request_id"] == done.attributes["ihop.request_id"] == answer["X-Request-ID"]
    assert not asked.status.is_ok
    assert not done.status.is_ok
    assert not [one for one in HOSTILE if one in asked.to_json() + done.to_json()]


@pytest.mark.django_db
def test_a_span_names_the_route_and_not_the_path(spans, client):
    client.get(f"/l/{TOKEN}/1")
    (span,) = spans()
    assert span.attributes["http.route"] == "l/<str:token>/<int:number>"
    assert span.attributes["http.response.status_code"] == 404
    assert TOKEN not in span.to_json()


def test_an_exception_is_not_repeated_in_a_span(spans):
    with pytest.raises(ValueError, match="jo@"), tracing.span("x"):
        fail()
    assert not [one for one in HOSTILE if one in spans()[0].to_json()]


def test_without_a_collector_nothing_is_traced():
    headers = {}
    with tracing.span("x") as span:
        tracing.hand_on(headers)
    assert (span, headers) == (None, {})
