"""Entries as the JSON API gives them: a closed list of fields, and the four filters."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from cms.models import Entry, Event, Kind, Region, Sector, Topic
from cms.models.taxonomies import Term
from cms.open_data import TERMS, clean_rich_text, entry_address, is_teaser, plain
from cms.querysets import EntryQuerySet

FILTERS = ("kind", "sector", "topic", "region")
MODELS: dict[str, type[Term]] = {"sector": Sector, "topic": Topic, "region": Region}


class UnknownValue(ValueError):
    """A filter's value that nobody uses. The message is one sentence for whoever asks."""


def narrow(entries: EntryQuerySet, asked: Mapping[str, Sequence[str]]) -> EntryQuerySet:
    """The entries that match: any value of a filter will do, and every filter must match.

    As in the directory, a sector also finds entries for everyone and a region national ones. Raises `UnknownValue`.
    """
    for name, values in asked.items():
        wanted = [value for value in values if value]
        if not wanted:
            continue
        _check(name, wanted)
        if name == "kind":
            entries = entries.filter(kind__in=wanted)
        elif name == "topic":
            entries = entries.filter(topics__slug__in=wanted)
        elif name == "sector":
            entries = entries.filter(Q(sectors__slug__in=wanted) | Q(sectors=None))
        else:
            entries = entries.filter(Q(regions__slug__in=wanted) | Q(regions=None))
    return entries.distinct()


def records(entries: EntryQuerySet) -> list[dict[str, Any]]:
    """A list's records: one query, and one for each taxonomy."""
    return [record(entry) for entry in entries.prefetch_related(*TERMS)]


def record(entry: Entry, *, whole: bool = False) -> dict[str, Any]:
    """An entry as a JSON object. `whole` adds the body and what is special to the kind, from a specific entry.

    A case study has neither, whatever is asked for: what members alone read does not leave (`cms/open_data.py`).
    """
    teaser = is_teaser(entry)
    found: dict[str, Any] = {
        "id": entry.pk,
        "meta": {
            "type": f"cms.{entry.kind}",
            "detail_url": settings.SITE_URL + reverse("api:entries:detail", args=[entry.pk]),
            "html_url": entry_address(entry),
            "first_published_at": _moment(entry.first_published_at),
            "last_published_at": _moment(entry.last_published_at),
            "members_only": teaser,
        },
        "uuid": str(entry.translation_key),
        "title": plain(entry.title),
        "kind": entry.kind,
        "summary": plain(entry.summary),
        **{
            name: [{"slug": term.slug, "name": plain(term.name)} for term in getattr(entry, name).all()]
            for name in TERMS
        },
    }
    if teaser:
        return found
    found |= {
        "reader": entry.reader,
        "publisher": plain(entry.publisher),
        "link": entry.link,
        "evidence": entry.evidence,
        "key_date": _day(entry.key_date),
        "assured_on": _day(entry.assured_on),
        "review_due": _day(entry.review_due),
    }
    if whole:
        found["body"] = clean_rich_text(entry.body)
        found["facts"] = [{"label": label, "value": plain(value)} for label, value in entry.facts() if value]
        if isinstance(entry, Event):
            found |= {"starts_at": _moment(entry.starts_at), "ends_at": _moment(entry.ends_at)}
    return found


def _terms(entry: Entry, name: str) -> list[dict[str, str]]:
    return [{"slug": term.slug, "name": plain(term.name)} for term in getattr(entry, name).all()]


def _check(name: str, wanted: Iterable[str]) -> None:
    known = set(Kind.values) if name == "kind" else set(_slugs(MODELS[name]))
    for value in wanted:
        if value not in known:
            raise UnknownValue(f"There is no {name} “{plain(value)[:40]}”. Known are: {', '.join(sorted(known))}.")


def _slugs(model: type[Term]) -> Iterable[str]:
    return model._default_manager.values_list("slug", flat=True)


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None
