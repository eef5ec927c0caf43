"""Traces to an OpenTelemetry collector, where OTEL_EXPORTER_OTLP_ENDPOINT is set: requests, and the tasks they ask for.

The spans are our own: the usual instrumentation would send paths with tokens, IP addresses and browsers along.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config.observing.errors import MISSING

SERVICE = "ihop-enews"
_tracer: Any = None  # of this process, once `start` was called


def start(endpoint: str, exporter: Any = None) -> None:
    """Send traces there from now on; does nothing without an endpoint. `exporter` takes the collector's place in tests.

    Raises ImproperlyConfigured when the extra is missing.
    """
    global _tracer
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(MISSING.format(setting="OTEL_EXPORTER_OTLP_ENDPOINT", extra="otel")) from error
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    if exporter:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        there = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(there))
    _tracer = provider.get_tracer(SERVICE)


def stop() -> None:
    """Trace nothing more (in tests)."""
    global _tracer
    _tracer = None


def span(name: str, *, carrier: dict[str, Any] | None = None) -> Any:
    """A span around a block; gives it, or None when nothing is traced. `carrier` holds what `hand_on` wrote."""
    return nullcontext(None) if _tracer is None else _span(name, carrier)


@contextmanager
def _span(name: str, carrier: dict[str, Any] | None) -> Iterator[Any]:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    above = TraceContextTextMapPropagator().extract(carrier) if carrier else None
    # What an exception says may hold anything.
    with _tracer.start_as_current_span(
        name, context=above, record_exception=False, set_status_on_exception=False
    ) as it:
        yield it


def hand_on(headers: dict[str, Any]) -> None:
    """Write the current span into a message's headers."""
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)


def describe(it: Any, *, failed: bool, **attributes: Any) -> None:
    """Say what came of a span, by ids, routes and numbers of ours only."""
    if it is None:
        return
    from opentelemetry.trace import Status, StatusCode

    it.set_attributes({name.replace("__", "."): value for name, value in attributes.items() if value is not None})
    if failed:
        it.set_status(Status(StatusCode.ERROR))
