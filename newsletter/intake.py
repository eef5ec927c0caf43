"""Intake: what a provider posts is stored as it came, answered at once, and read afterwards in batches (ADR 21).

    webhook -> keep -> RawReport ... read -> events (`reported.py`) -> processed | tried again later | cannot be read

Reading is one transaction a batch, so that it may be killed anywhere and run twice, and by several at once: rows that
one process has in its hands are passed over by the others.
"""

import hashlib
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Any

from anymail.signals import AnymailTrackingEvent
from anymail.urls import urlpatterns as anymail_patterns
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Length
from django.utils import timezone

from newsletter import alarming, returned
from newsletter.bounces import verdict
from newsletter.machines import signals_said
from newsletter.models import RawReport
from newsletter.relayed import READINGS
from newsletter.reported import KEPT, Recorded, Reported, record_provider_events
from newsletter.telling import tell

logger = logging.getLogger(__name__)

LARGEST = 1024 * 1024  # bytes of one report
NEEDED = ("content-type", "svix-id")  # headers that Anymail's readers look at; never the one with the secret
BATCH, BATCH_BYTES = 500, 4 * LARGEST  # reports read in one transaction
# How long after it came a report is tried again, by how often it was tried; after the last it is given up. What came
# too early waits likewise, and is not given up.
PAUSES = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
TRIES = len(PAUSES)
EVENTS = 5_000  # recorded at a time: SQLite takes 32,766 values in a statement, and a report may hold more events
# Reports of these say nothing of when, where and by which program mail was read.
ABOUT_DELIVERY = KEPT - READINGS.keys()


@dataclass(frozen=True)
class Read:
    """What reading came to: reports read, events in them that were new, reports that could not be read (yet)."""

    reports: int = 0
    events: int = 0
    failed: int = 0
    last: int = 0  # the number of the latest report looked at

    def __add__(self, other: "Read") -> "Read":
        return Read(
            self.reports + other.reports,
            self.events + other.events,
            self.failed + other.failed,
            max(self.last, other.last),
        )


@cache
def view_class(esp: str) -> Any:
    """Anymail's view for the tracking events of a provider; None where it has none. Ask for known names only."""
    for pattern in anymail_patterns:
        if match := pattern.resolve(f"{esp}/tracking/"):
            return match.func.view_class
    return None


def keep(*, provider: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Store a report as it came, once: the same fifty times over is one row, in one statement."""
    digest = hashlib.sha256(provider.encode() + b"\0" + body).hexdigest()
    needed = {name: headers[name][:500] for name in NEEDED if headers.get(name)}
    row = RawReport(provider=provider[:40], body=body, headers=needed, digest=digest)
    RawReport.objects.bulk_create([row], ignore_conflicts=True)


def waiting() -> QuerySet[RawReport]:
    """Reports that are to be read now, including those whose pause after a failure is over."""
    now = timezone.now()
    due = Q(attempts=0)
    for attempts, pause in enumerate(PAUSES[1:], start=1):
        due |= Q(attempts=attempts, received_at__lte=now - pause)
    return RawReport.objects.filter(due, processed_at=None)


def unreadable() -> QuerySet[RawReport]:
    """Reports that were given up. They stay in the index of what waits, which is small."""
    return RawReport.objects.filter(processed_at=None).exclude(problem="")


def read(*, after: int = 0, limit: int = BATCH) -> Read:
    """Read one batch of waiting reports, the oldest first. Nothing read means that nothing waits for us.

    Looks behind the report with the number `after` only: what failed a moment ago is not tried again at once.

    Where a batch fails as a whole, each of its reports is tried by itself, so that one cannot hold up the others.
    Raises OperationalError when the database is gone: that is no fault of the reports.
    """
    try:
        done, recorded = _read(waiting().filter(pk__gt=after), limit)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.error("a batch of provider reports failed (%s): each is tried by itself", type(error).__name__)
        done, recorded = _read_each(waiting().filter(pk__gt=after), limit)
    alarming.judge(recorded.alarming)
    return done


def read_all(seconds: float = math.inf) -> Read:
    """Read until nothing waits, or until the time is over; each report is tried once."""
    total, until = Read(), time.monotonic() + seconds
    while time.monotonic() < until and (done := read(after=total.last)).last:
        total += done
    return total


@transaction.atomic
def _read(due: QuerySet[RawReport], limit: int) -> tuple[Read, Recorded]:
    rows = _claim(due, limit)
    found: list[Reported] = []
    readable, failed = {}, []
    for row in rows:
        try:
            readable[row.pk] = list(events_of(row))
            found += readable[row.pk]
        except Exception as error:  # whatever a stranger's JSON can bring about
            failed.append((row, error))
    recorded = _record(found)
    done = _done_with(readable, recorded)
    for row, trouble in failed:
        _put_off(row, trouble)
    last = rows[-1].pk if rows else 0
    return Read(done, recorded.count, len(failed), last), recorded


def _read_each(due: QuerySet[RawReport], limit: int) -> tuple[Read, Recorded]:
    total, issues = Read(), frozenset[int]()
    for pk in list(due.order_by("pk").values_list("pk", flat=True)[:limit]):
        total += Read(last=pk)
        try:
            with transaction.atomic():
                row = _locked(RawReport.objects.filter(pk=pk, processed_at=None)).first()
                if not row:
                    continue
                events = list(events_of(row))
                recorded = _record(events)
                done = _done_with({pk: events}, recorded)
            total += Read(done, recorded.count)
            issues |= recorded.alarming
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if row := RawReport.objects.filter(pk=pk, processed_at=None).first():
                _put_off(row, error)
            total += Read(failed=1)
    return total, Recorded(total.events, issues)


def _claim(due: QuerySet[RawReport], limit: int) -> Sequence[RawReport]:
    """Lock the oldest waiting reports, as many as are not too much to hold at once."""
    sizes = _locked(due).order_by("pk").values_list("pk", Length("body"))[:limit]
    chosen: list[int] = []
    size = 0
    for pk, length in sizes:
        if chosen and size + length > BATCH_BYTES:
            break
        chosen.append(pk)
        size += length
    return list(RawReport.objects.filter(pk__in=chosen).order_by("pk"))


def _locked(rows: QuerySet[RawReport]) -> QuerySet[RawReport]:
    return rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)


def _record(events: Sequence[Reported]) -> Recorded:
    """Record events, however many, in the transaction that is under way."""
    total = Recorded()
    for start in range(0, len(events), EVENTS):
        total += record_provider_events(events[start : start + EVENTS])
    return total


def _done_with(reports: Mapping[int, Sequence[Reported]], recorded: Recorded) -> int:
    """Say that these were read, but for those with something in them that came too early. Returns how many were.

    Of those that tell of reading nothing stays but the digest: they hold the address, the IP address, the program and
    the moment, of people as well who never agreed to that.
    """
    early = {pk for pk, events in reports.items() if any(one.natural_key in recorded.early for one in events)}
    if early:
        RawReport.objects.filter(pk__in=early).update(attempts=F("attempts") + 1)
    done = reports.keys() - early
    RawReport.objects.filter(pk__in=done).update(processed_at=timezone.now(), problem="")
    telling = [pk for pk in done if any(one.event_type not in ABOUT_DELIVERY for one in reports[pk])]
    if telling:
        RawReport.objects.filter(pk__in=telling).update(body=b"", headers={})
    return len(done)


def _put_off(row: RawReport, error: Exception) -> None:
    """Count a failure; after the last try say so, by type only: the message may hold what was posted."""
    row.attempts = min(row.attempts + 1, TRIES)
    kind = type(error).__name__
    logger.warning("provider report %s of %s cannot be read: %s", row.pk, row.provider, kind)
    if row.attempts == TRIES:
        first = not unreadable().filter(provider=row.provider).exists()
        row.problem = f"Tried {TRIES} times: it cannot be read ({kind})."
        if first:
            transaction.on_commit(lambda: _tell(row.provider))
    RawReport.objects.filter(pk=row.pk).update(attempts=row.attempts, problem=row.problem)


def _tell(provider: str) -> None:
    tell(
        f"Reports of {provider} cannot be read",
        f"{provider} has reported something that cannot be read, so bounces and complaints may go unnoticed.\n"
        "Ask whoever runs the service to look at `manage.py provider_reports`.\n",
    )


def events_of(row: RawReport) -> Iterator[Reported]:
    """What Anymail reads out of a report, or we out of a bounce message. Raises whatever Anymail raises over what it
    cannot read."""
    if row.provider == returned.PROVIDER:
        yield from returned.events_of(row)
        return
    view = view_class(row.provider)
    if view is None:
        raise ImproperlyConfigured("no provider of ours")
    request = _request(row)
    reader = view()
    reader.setup(request)
    for event in list(reader.parse_events(request)):
        if isinstance(event, AnymailTrackingEvent):
            yield _reported(event, reader.esp_name, row.received_at)


def _request(row: RawReport) -> WSGIRequest:
    """The request as it came, as far as it is needed."""
    body = bytes(row.body)
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in row.headers.items()}
    environ |= {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "CONTENT_TYPE": row.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    return WSGIRequest(environ)


def _reported(event: AnymailTrackingEvent, provider: str, came_at: datetime) -> Reported:
    metadata = event.metadata
    kind = _kind(event, provider)
    return Reported(
        provider=provider,
        event_type=kind,
        event_id=_text(event.event_id),
        message_id=_text(event.message_id),
        metadata=metadata if isinstance(metadata, Mapping) else {},
        recipient=_text(event.recipient),
        happened_at=event.timestamp,
        reject_reason=event.reject_reason,
        verdict=verdict(provider, kind, event.esp_event),
        came_at=came_at,
        **_reading(event, kind, provider),
    )


def _kind(event: AnymailTrackingEvent, provider: str) -> str:
    """Anymail's name for what happened. It calls Postal's opens “unknown”."""
    report = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    opened = provider == "Postal" and report.get("event") == "MessageLoaded"
    return "opened" if opened else str(event.event_type)


def _reading(event: AnymailTrackingEvent, kind: str, provider: str) -> dict[str, Any]:
    """What an open or click says besides: where the link leads, and what speaks for a machine."""
    if kind not in READINGS:
        return {}
    signals = signals_said(provider, kind, event.esp_event, event.user_agent)
    return {"url": _text(event.click_url) or "", "signals": signals}


def _text(value: Any) -> str | None:
    """An id or address as text: strangers' JSON may hold anything there."""
    return None if value is None else str(value)
