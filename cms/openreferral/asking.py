"""What somebody asks of `/openreferral/`: the words of the address become one bounded page of records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from cms.models import Kind, Service
from cms.open_data import TERMS, open_entries, plain
from cms.openreferral import taxonomies
from cms.openreferral.reading import service_record

PER_PAGE, MAX_PER_PAGE = 50, 100
MAX_TEXT, MAX_WORDS = 200, 10
OLDEST = 130  # years
FURTHEST = 10**8  # page, and size of one, that is understood


class Refused(ValueError):
    """The question cannot be answered. The message is one sentence for whoever asks; `status` is HTTP's."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Rows:
    """How many records there are, and how to read some of them."""

    total: int
    read: Callable[[int, int], list[dict[str, Any]]]


def services(params: Mapping[str, str]) -> dict[str, Any]:
    """One page of services, each with its full record. Raises `Refused`."""
    found = _open_services().filter(_wanted(params)).distinct().order_by("pk")

    def read(start: int, stop: int) -> list[dict[str, Any]]:
        return [service_record(service) for service in found.prefetch_related(*TERMS)[start:stop]]

    return _page(Rows(found.count(), read), params)


def service(identifier: str) -> dict[str, Any]:
    """One service by its id. Raises `Refused` (404)."""
    key = _uuid(identifier)
    found = _open_services().filter(translation_key=key).prefetch_related(*TERMS).first() if key else None
    if not found:
        raise Refused("There is no service with this id.", 404)
    return service_record(found)


def listed(records: Sequence[dict[str, Any]], params: Mapping[str, str]) -> dict[str, Any]:
    """One page of a short list. Raises `Refused`."""
    return _page(Rows(len(records), lambda start, stop: list(records[start:stop])), params)


def one_of(records: Sequence[dict[str, Any]], identifier: str, what: str) -> dict[str, Any]:
    """The record with this id. Raises `Refused` (404)."""
    for record in records:
        if record["id"] == identifier.lower():
            return record
    raise Refused(f"There is no {what} with this id.", 404)


def _open_services() -> "QuerySet[Service]":
    found: QuerySet[Service] = Service.objects.filter(pk__in=open_entries().filter(kind=Kind.SERVICE).values("pk"))
    return found


def _wanted(params: Mapping[str, str]) -> Q:
    wanted = Q()
    for word in _text(params).split():
        wanted &= (
            Q(title__icontains=word)
            | Q(summary__icontains=word)
            | Q(publisher__icontains=word)
            | Q(area__icontains=word)
        )
    if identifier := params.get("taxonomy_term_id"):
        wanted &= _known(taxonomies.having_term(identifier), "taxonomy term")
    if identifier := params.get("taxonomy_id"):
        wanted &= _known(taxonomies.having_taxonomy(identifier), "taxonomy")
    if since := params.get("modified_after"):
        moment = _moment(since)
        # A day of which only a part lies after the moment is given as well: better twice than never.
        wanted &= Q(last_published_at__gte=moment) | Q(assured_on__gte=timezone.localdate(moment))
    if params.get("minimum_age") or params.get("maximum_age"):
        youngest = _number(params, "minimum_age", 0, least=0, most=OLDEST)
        oldest = _number(params, "maximum_age", OLDEST, least=0, most=OLDEST)
        wanted &= taxonomies.of_ages(youngest, oldest)
    return wanted


def _text(params: Mapping[str, str]) -> str:
    """The words to look for: `text`, or `search` as the UK profile's own description has it."""
    text = plain(params.get("text") or params.get("search") or "")
    if len(text) > MAX_TEXT or len(text.split()) > MAX_WORDS:
        raise Refused(f"“text” may hold {MAX_WORDS} words and {MAX_TEXT} characters at most.")
    return text


def _known(found: Q | None, what: str) -> Q:
    if found is None:
        raise Refused(
            f"There is no {what} with this id: see /openreferral/taxonomies and /openreferral/taxonomy_terms."
        )
    return found


def _moment(text: str) -> datetime:
    """A moment or a day (from its start, UTC), as ISO 8601 writes them."""
    try:
        day = parse_date(text)
        moment = datetime(day.year, day.month, day.day) if day else parse_datetime(text.replace(" ", "+"))
        if moment:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Refused("“modified_after” must be a day or a moment, such as 2026-10-25 or 2026-10-25T09:30:00Z.")


def _page(rows: Rows, params: Mapping[str, str]) -> dict[str, Any]:
    """The envelope of the UK profile around one page. Beyond the last page there is nothing: 404."""
    # Whoever asks for more than we give is given what we give; `size` and `total_pages` say so.
    size = min(_number(params, "per_page", PER_PAGE, least=1, most=FURTHEST), MAX_PER_PAGE)
    number = _number(params, "page", 1, least=1, most=FURTHEST)
    pages = max(-(-rows.total // size), 1)
    if number > pages:
        raise Refused(f"There is no page {number}: the last is {pages}.", 404)
    contents = rows.read((number - 1) * size, number * size)
    return {
        "total_items": rows.total,
        "total_pages": pages,
        "page_number": number,
        "size": len(contents),
        "first_page": number == 1,
        "last_page": number == pages,
        "empty": not contents,
        "contents": contents,
    }


def _number(params: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = params.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise Refused(f"“{name}” must be a whole number from {least} to {most}.")
    return int(text)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
