"""Taking over services from elsewhere: what each row would do, and doing it. A file may be imported again at any time.

A service is known by the id it has in the file (`Service.imported_as`). The source speaks for what it states: what
differs is written over ours as a new revision; what is the same is not touched.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.text import capfirst

from cms.models import Service
from cms.models.entry import REVIEW_AFTER
from cms.open_data import TERMS
from cms.openreferral.listing import AREA_UNKNOWN, Listing, RowError, Vocabulary, from_csv, from_openreferral
from cms.openreferral.rows import csv_rows, is_csv, json_rows
from cms.site import directory_page

BATCH = 200  # rows whose entries are looked up in one go
AHEAD = "The day it was last checked lies ahead: give the day on which somebody looked."
OWN = "It is one of our own services: there is nothing to take over."
UNDER_WAY = "An editor has changed our entry and not published it yet: publish or discard that, then import again."


class Outcome(models.TextChoices):
    NEW = "new", "New"
    CHANGED = "changed", "Changed"
    UNCHANGED = "unchanged", "The same as before: left alone"
    REJECTED = "rejected", "Cannot be taken as it is"


@dataclass
class Report:
    """What became of the rows: how many of each outcome, and number and reason of each that was rejected."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((str(one.value) for one in Outcome), 0))
    rejected: list[tuple[int, str]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


@dataclass
class _Known:
    """What a batch needs to know of what we have, looked up at once."""

    services: dict[str, Service]
    own: set[str]


def import_services(
    *, path: Path, publish: bool = False, dry_run: bool = False, progress: Callable[[], Any] = lambda: None
) -> Report:
    """Import a file and return what became of its rows. New services are drafts unless `publish`.

    Each row is a transaction of its own. `dry_run` does the same and takes each row back. Raises `FileError` when the
    file cannot be read any further; the rows before that are done.
    """
    vocabulary, report = Vocabulary(), Report()
    seen: dict[str, int] = {}
    rows = _listings(path, vocabulary)
    while batch := list(islice(rows, BATCH)):
        known = _look_up([listing.identifier for _, listing in batch if isinstance(listing, Listing)])
        for number, listing in batch:
            try:
                if isinstance(listing, RowError):
                    raise listing
                if listing.identifier in seen:
                    raise RowError(f"The same id as in row {seen[listing.identifier]}.")
                seen[listing.identifier] = number
                outcome = _take(listing, known, vocabulary, publish=publish, dry_run=dry_run)
            except RowError as error:
                outcome = Outcome.REJECTED
                report.rejected.append((number, str(error)))
            report.counts[outcome.value] += 1
            progress()
    return report


def _listings(path: Path, vocabulary: Vocabulary) -> Iterator[tuple[int, Listing | RowError]]:
    rows: Iterator[tuple[int, Any]]
    rows, read = (csv_rows(path), from_csv) if is_csv(path) else (json_rows(path), from_openreferral)
    for number, row in rows:
        try:
            yield number, read(row, vocabulary)
        except RowError as error:
            yield number, error


def _look_up(identifiers: list[str]) -> _Known:
    """Six queries, however many rows."""
    found = Service.objects.filter(imported_as__in=identifiers).prefetch_related(*TERMS).order_by("-pk")
    keys = [key for identifier in identifiers if (key := _uuid(identifier))]
    own = Service.objects.filter(translation_key__in=keys).values_list("translation_key", flat=True)
    return _Known({service.imported_as: service for service in found}, {str(key) for key in own})


def _take(listing: Listing, known: _Known, vocabulary: Vocabulary, *, publish: bool, dry_run: bool) -> Outcome:
    if (checked := listing.fields.get("assured_on")) and checked > timezone.localdate():
        raise RowError(AHEAD)
    service = known.services.get(listing.identifier)
    if service is None:
        if listing.identifier.lower() in known.own:
            raise RowError(OWN)
        _write(lambda: _create(listing, vocabulary, publish=publish), keep=not dry_run)
        return Outcome.NEW
    if service.live and service.has_unpublished_changes:
        if _differs(listing, service):
            raise RowError(UNDER_WAY)
        return Outcome.UNCHANGED
    current = service if service.live else service.get_latest_revision_as_object()
    if not _differs(listing, current):
        return Outcome.UNCHANGED
    _write(lambda: _update(listing, service, vocabulary), keep=not dry_run)
    return Outcome.CHANGED


def _write(act: Callable[[], None], *, keep: bool) -> None:
    """Do it altogether or not at all; unless `keep`, take it back, which is how a dry run knows what would happen.

    Nothing else comes of what is taken back: what a service's signals do is in the database, or waits for the commit.
    """
    try:
        with transaction.atomic():
            act()
            if not keep:
                transaction.set_rollback(True)
    except ValidationError as error:
        raise RowError(_reason(error)) from error


def _reason(error: ValidationError) -> str:
    """“E-mail: Ensure this value has at most 254 characters.”: what is wrong, under the name of its field."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    labels = {one.name: str(one.verbose_name) for one in Service._meta.concrete_fields}
    return " ".join(
        f"{capfirst(labels[name])}: {' '.join(sentences)}" if name in labels else " ".join(sentences)
        for name, sentences in error.message_dict.items()
    )


def _create(listing: Listing, vocabulary: Vocabulary, *, publish: bool) -> None:
    service = Service(imported_as=listing.identifier, live=False, area=AREA_UNKNOWN)
    _fill(service, listing, vocabulary)
    directory_page().add_child(instance=service)
    revision = service.save_revision(changed=False)
    if publish:
        revision.publish()


def _update(listing: Listing, service: Service, vocabulary: Vocabulary) -> None:
    """A new revision, published if the service is. A draft stays one: its editor decides.

    `service` was read with its whole batch. It is read again under a lock, so that what an editor saved since then is
    not written over; raises `RowError` if there is such work.
    """
    locked = Service.objects.select_for_update().filter(pk=service.pk).first()
    if locked is None or locked.latest_revision_id != service.latest_revision_id:
        raise RowError(UNDER_WAY)
    current = locked if locked.live else locked.get_latest_revision_as_object()
    _fill(current, listing, vocabulary)
    revision = current.save_revision(log_action=True)
    if locked.live:
        revision.publish()


def _fill(service: Service, listing: Listing, vocabulary: Vocabulary) -> None:
    fields = _news(listing, service)
    if "assured_on" in fields or service.pk is None:
        service.review_due = fields.get("assured_on", timezone.localdate()) + REVIEW_AFTER
    for name, value in fields.items():
        setattr(service, name, value)
    for name, slugs in listing.terms.items():
        getattr(service, name).set(vocabulary.objects(name, slugs))


def _news(listing: Listing, service: Service) -> dict[str, Any]:
    """The fields to take over: all that the source states, but its day of the last check only if ours is older."""
    fields = dict(listing.fields)
    checked: date | None = fields.pop("assured_on", None)
    if checked and (service.assured_on is None or checked > service.assured_on):
        fields["assured_on"] = checked
    return fields


def _differs(listing: Listing, service: Service) -> bool:
    """Whether the source says anything else than our entry."""
    if any(getattr(service, name) != value for name, value in _news(listing, service).items()):
        return True
    return any({term.slug for term in getattr(service, name).all()} != slugs for name, slugs in listing.terms.items())


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
