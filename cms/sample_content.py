"""Sample content for trying the service out, written from the brief. Deterministic, and loaded once."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.utils import timezone

from cms import models
from cms.models import DirectoryPage, Entry
from cms.sample_bulk import create_in_bulk, random_terms, term_ids
from cms.site import consortia_page, directory_page, home_page
from cms.standard_pages import fill_pages

FOLDER = Path(__file__).parent / "sample"
REVIEWER = "reviewer@example.org"
MODELS: dict[str, type[Entry]] = {
    "resource": models.Resource,
    "research": models.Research,
    "policy": models.Policy,
    "service": models.Service,
    "case-study": models.CaseStudy,
    "training": models.Training,
    "funding": models.Funding,
    "event": models.Event,
}
SHARED = ["title", "slug", "summary", "body", "reader", "publisher", "link", "evidence"]
OWN = {
    "resource": ["format"],
    "research": ["year", "method", "key_finding"],
    "policy": ["policy_type", "status"],
    "service": ["area", "who_it_helps", "how_to_refer", "phone", "email", "opening_hours", "cost"],
    "case-study": ["setting", "what_changed"],
    "training": ["provider", "delivery", "duration", "cost"],
    "funding": ["funder", "amount", "who_can_apply"],
    "event": ["place", "online", "cost"],
}
BATCH = 1000  # entries written at once
HOLIDAYS = {(12, 24), (12, 25), (12, 26), (12, 31), (1, 1)}
Progress = Callable[[], None]


def load_pages() -> None:
    """Fill home and the consortia's page, and create the standard pages and the consortia that are missing."""
    fill_pages(home_page(), consortia_page())
    load_consortia()


def load_consortia(today: date | None = None) -> int:
    """Create the sample consortia that are missing; return how many."""
    parent, made = consortia_page(), 0
    today = today or timezone.localdate()
    for row in json.loads((FOLDER / "consortia.json").read_text()):
        if models.Consortium.objects.filter(slug=row["slug"]).exists():
            continue
        checked = _months_before(today, row.pop("months_ago") + 1) + timedelta(days=16)
        regions, partners = row.pop("regions"), "\n".join(row.pop("partners"))
        consortium = models.Consortium(**row, partners=partners, assured_on=checked)
        consortium.regions.set(_terms(models.Region, regions))
        parent.add_child(instance=consortium)
        made += 1
    return made


def load_entries(newest_month: date, progress: Progress | None = None) -> int:
    """Create the sample entries that are missing; return how many there were.

    `newest_month` is any day of the month in which the newest were published; the rest lie up to three months before.
    Days of events and deadlines count from today, so that the sample never goes stale.
    """
    parent = directory_page()
    existing = set(Entry.objects.values_list("slug", flat=True))
    rows = [(kind, row) for kind, row in _rows() if row["slug"] not in existing]
    for kind, row in rows:
        _create(parent, kind, row, newest_month)
        if progress:
            progress()
    return len(rows)


def make_entries(number: int, progress: Progress | None = None) -> int:
    """Create `number` further entries, varied copies of the samples with terms of their own, for benchmarks.

    They are written in bulk (`cms/sample_bulk.py`): 20,000 take about a minute.
    """
    parent, dice, taken = directory_page(), random.Random(number), Entry.objects.count()
    newest = timezone.localdate().replace(day=1) - timedelta(days=1)
    rows, ids, made = islice(cycle(_rows()), number), term_ids(), 0
    while batch := list(islice(rows, BATCH)):
        entries, terms = [], []
        for place, (kind, row) in enumerate(batch, start=taken + made + 1):
            copy = row | {"slug": f"{row['slug']}-{place}", "title": f"{row['title']} ({place})"}
            copy["day"], copy["month"] = dice.randint(1, 28), dice.randint(0, 3)
            entries.append(_unsaved(kind, copy, newest))
            terms.append(random_terms(dice, ids))
        create_in_bulk(parent=parent, entries=entries, terms=terms)
        made += len(entries)
        if progress:
            for _ in entries:
                progress()
    return made


def _rows() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in MODELS:
        for row in json.loads((FOLDER / f"{kind}.json").read_text()):
            yield kind, row


def _create(parent: DirectoryPage, kind: str, row: dict[str, Any], newest_month: date) -> Entry:
    entry = _unsaved(kind, row, newest_month)
    entry.sectors.set(_terms(models.Sector, row["sectors"]))
    entry.regions.set(_terms(models.Region, row["regions"]))
    entry.topics.set(_terms(models.Topic, row["topics"]))
    entry.age_groups.set(_terms(models.AgeGroup, row["age_groups"]))
    parent.add_child(instance=entry)
    return entry


def _unsaved(kind: str, row: dict[str, Any], newest_month: date) -> Entry:
    published = _moment(_months_before(newest_month, row["month"]).replace(day=row["day"]), time(10))
    entry = MODELS[kind](
        **{name: row[name] for name in (*SHARED, *OWN[kind])},
        first_published_at=published,
        last_published_at=published,
        assured_on=published.date(),
        review_due=published.date() + timedelta(days=7 if row.get("stale") else 240),
    )
    _set_dates(entry, row)
    return entry


def _set_dates(entry: Entry, row: dict[str, Any]) -> None:
    today = timezone.localdate()
    if isinstance(entry, models.Event):
        day = today + timedelta(days=row["starts_in_days"])
        while day.weekday() > 4 or (day.month, day.day) in HOLIDAYS:  # professionals meet on working days
            day -= timedelta(days=1)
        entry.starts_at = _moment(day, time.fromisoformat(row["starts_at"]))
        entry.ends_at = entry.starts_at + timedelta(hours=row["hours"])
    elif isinstance(entry, models.Funding) and row["deadline_in_days"] is not None:
        entry.deadline = today + timedelta(days=row["deadline_in_days"])
    elif isinstance(entry, models.CaseStudy):
        entry.anonymity_checked_by = get_user_model().objects.get_or_create(
            email=REVIEWER, defaults={"first_name": "Sample", "last_name": "Reviewer", "is_active": False}
        )[0]
        entry.anonymity_checked_on = today


def _terms(model: type[Model], slugs: Iterable[str]) -> list[Any]:
    return list(model._default_manager.filter(slug__in=slugs)) if slugs else []


def _months_before(day: date, months: int) -> date:
    place = day.year * 12 + day.month - 1 - months
    return date(place // 12, place % 12 + 1, 1)


def _moment(day: date, at: time) -> datetime:
    assert settings.USE_TZ
    return timezone.make_aware(datetime.combine(day, at))
