"""A service as a source offers it, read from an Open Referral record or a row of a CSV, checked and made harmless.

Only what the source states is in it: a field it does not know of is left as it is in our entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.utils.dateparse import parse_date
from django.utils.html import escape

from cms.models import EVIDENCE, READERS
from cms.models.taxonomies import Term
from cms.open_data import clean_rich_text, plain, rich_text_as_lines
from cms.openreferral.taxonomies import BY_NAME, TAXONOMIES
from cms.plain_text import paragraphs

# Our fields of one line, how many characters each holds, and the heading under which the rest goes into the body.
LINES = {
    "publisher": (120, "Offered by"),
    "area": (120, "Area covered"),
    "who_it_helps": (200, "Who it helps"),
    "how_to_refer": (300, "How to refer"),
    "phone": (40, "Telephone"),
    "opening_hours": (120, "Opening hours"),
    "cost": (80, "Cost"),
}
CHOICES = {"reader": dict(READERS), "evidence": dict(EVIDENCE)}
AREA_UNKNOWN = "Not stated"
MAX_TITLE, MAX_SUMMARY, MAX_ID, MAX_LINK, MAX_EMAIL = 200, 300, 200, 200, 254
MAX_TEXT = 20_000  # characters of a description, above which nobody reads it and a page suffers
NO_LONGER = {"inactive", "defunct", "temporarily closed"}


class RowError(ValueError):
    """The row cannot be taken. The message is one sentence that says what to put right."""


@dataclass
class Listing:
    """What a source says of one service: its id there, values of our fields, and slugs by taxonomy field."""

    identifier: str
    fields: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, set[str]] = field(default_factory=dict)
    extra: list[tuple[str, str]] = field(default_factory=list)  # heading and text of what a field could not hold

    def set_line(self, name: str, value: Any) -> None:
        """Take over a text of one line; what is too long is cut there, and stands whole in the body."""
        text = plain(_text(value, name))
        most, heading = LINES[name]
        if len(text) > most:
            self.extra.append((heading, text))
            text = f"{text[: most - 1].rsplit(' ', 1)[0]}…"
        self.fields[name] = text

    def close_body(self) -> None:
        more = "".join(f"<h3>{escape(heading)}</h3>{paragraphs(text)}" for heading, text in self.extra)
        if more:
            self.fields["body"] = self.fields.get("body", "") + more


class Vocabulary:
    """Every term of our taxonomies by slug and by name, in lower case (four queries)."""

    def __init__(self) -> None:
        self.terms: dict[str, dict[str, Term]] = {}
        self.words: dict[str, dict[str, str]] = {}
        for taxonomy in TAXONOMIES:
            terms = list(taxonomy.model._default_manager.all())
            self.terms[taxonomy.field] = {term.slug: term for term in terms}
            names = {term.name.casefold(): term.slug for term in terms}
            self.words[taxonomy.field] = names | {term.slug: term.slug for term in terms}

    def slug(self, name: str, word: str) -> str | None:
        return self.words[name].get(plain(word).casefold())

    def objects(self, name: str, slugs: set[str]) -> list[Term]:
        return [term for slug, term in self.terms[name].items() if slug in slugs]


def from_openreferral(record: Any, vocabulary: Vocabulary) -> Listing:
    """Understand an Open Referral service, ours or anybody's. Raises `RowError`."""
    if not isinstance(record, dict):
        raise RowError("This is not a service: a JSON object was expected.")
    listing = _begin(record.get("id"), record.get("name"))
    status = plain(_text(record.get("status"), "status")).lower()
    if status in NO_LONGER:
        raise RowError(f"The source says that it is {status}: look whether our entry must go.")
    ours = record.get("ihop") if isinstance(record.get("ihop"), dict) else None
    _describe(listing, record, ours)
    _reach(listing, record, ours)
    _lines(listing, record, whole=ours is not None)
    _tag(listing, record.get("attributes"), vocabulary, whole=ours is not None)
    for name, known in CHOICES.items():
        if ours and ours.get(name) in known:
            listing.fields[name] = ours[name]
    listing.close_body()
    return listing


def from_csv(row: Mapping[str, str], vocabulary: Vocabulary) -> Listing:
    """Understand a row of a CSV, whose columns docs/open-data.md lists. Raises `RowError`."""
    listing = _begin(row.get("id"), row.get("name"))
    summary = plain(row.get("summary") or "")
    if not summary:
        raise RowError("There is no summary.")
    if len(summary) > MAX_SUMMARY:
        raise RowError(f"The summary is longer than {MAX_SUMMARY} characters: shorten it.")
    listing.fields["summary"] = summary
    if "description" in row:
        listing.fields["body"] = paragraphs(_text(row["description"], "description"))
    for name in LINES:
        if name in row:
            listing.set_line(name, row[name])
    if "area" in row:
        listing.fields["area"] = listing.fields["area"] or AREA_UNKNOWN
    if "link" in row:
        listing.fields["link"] = _link(row["link"])
    if "email" in row:
        listing.fields["email"] = _email(row["email"])
    if "assured_on" in row:
        listing.fields["assured_on"] = _day(row["assured_on"])
    for taxonomy in TAXONOMIES:
        if taxonomy.field in row:
            listing.terms[taxonomy.field] = _known_words(taxonomy.field, row[taxonomy.field], vocabulary)
    for name, known in CHOICES.items():
        if row.get(name):
            if row[name] not in known:
                raise RowError(f"“{plain(row[name])[:40]}” is no {name}: known are {', '.join(known)}.")
            listing.fields[name] = row[name]
    listing.close_body()
    return listing


def _begin(identifier: Any, name: Any) -> Listing:
    key, title = plain(_text(identifier, "id")), plain(_text(name, "name"))
    if not key or len(key) > MAX_ID:
        raise RowError(f"It has no id of 1 to {MAX_ID} characters, by which we could know it again.")
    if not title or len(title) > MAX_TITLE:
        raise RowError(f"It has no name of 1 to {MAX_TITLE} characters.")
    if not any(character.isalnum() for character in title):
        raise RowError("Its name holds no letter or digit, of which its address could be made.")
    return Listing(key, {"title": title})


def _reach(listing: Listing, record: Mapping[str, Any], ours: Mapping[str, Any] | None) -> None:
    """Web address, e-mail address and the day of the last check, as far as the record speaks of them."""
    if ours or "url" in record:
        own_page = ours is not None and ours.get("page") == record.get("url")
        listing.fields["link"] = "" if own_page else _link(record.get("url"))
    if ours or "email" in record or "contacts" in record:
        listing.fields["email"] = _email(record.get("email") or _first(record.get("contacts"), "email"))
    if ours or "assured_date" in record:
        listing.fields["assured_on"] = _day(record.get("assured_date"))


def _lines(listing: Listing, record: Mapping[str, Any], *, whole: bool) -> None:
    """Our fields of one line. What a record leaves out says nothing, unless it is `whole`: then it is empty."""
    organisation = record.get("organization")
    costs = "; ".join(_all(record.get("cost_options"), "amount_description"))
    found: dict[str, tuple[tuple[str, ...], Any]] = {
        "publisher": (("organization",), organisation.get("name") if isinstance(organisation, dict) else ""),
        "area": (("service_areas",), ", ".join(_all(record.get("service_areas"), "name")) or AREA_UNKNOWN),
        "who_it_helps": (("eligibility_description",), record.get("eligibility_description")),
        "how_to_refer": (("application_process",), record.get("application_process")),
        "phone": (
            ("phones", "contacts"),
            _first(record.get("phones"), "number") or _phone_of_contacts(record.get("contacts")),
        ),
        "opening_hours": (("schedules",), "; ".join(_all(record.get("schedules"), "description"))),
        "cost": (
            ("fees_description", "fees", "cost_options"),
            record.get("fees_description") or record.get("fees") or costs,
        ),
    }
    for name, (sources, value) in found.items():
        if whole or any(source in record for source in sources):
            listing.set_line(name, value)


def _describe(listing: Listing, record: Mapping[str, Any], ours: Mapping[str, Any] | None) -> None:
    """Summary and body: our own as they are, anybody else's from the description."""
    if ours and isinstance(ours.get("summary"), str) and 0 < len(plain(ours["summary"])) <= MAX_SUMMARY:
        listing.fields["summary"] = plain(ours["summary"])
        listing.fields["body"] = clean_rich_text(_text(ours.get("body"), "body"))
        return
    description = _text(record.get("description"), "description")
    lines = rich_text_as_lines(description.replace("\n", "<br>")).split("\n")
    if not lines[0]:
        raise RowError("There is no description.")
    first = lines[0]
    if len(first) > MAX_SUMMARY:
        listing.fields["summary"] = f"{first[: MAX_SUMMARY - 1].rsplit(' ', 1)[0]}…"
    else:
        listing.fields["summary"] = first
        lines = lines[1:]
    listing.fields["body"] = "".join(paragraphs(line) for line in lines)


def _tag(listing: Listing, attributes: Any, vocabulary: Vocabulary, *, whole: bool) -> None:
    """Our terms among the attributes. Other taxonomies' words count where they are the same as one of ours.

    `whole`: the record is of a hub like this, so a taxonomy without a term says “for everyone”.
    """
    found: dict[str, set[str]] = {taxonomy.field: set() for taxonomy in TAXONOMIES}
    for attribute in _dicts(attributes):
        term = attribute.get("taxonomy_term")
        if not isinstance(term, dict):
            continue
        named = BY_NAME.get(str(term.get("taxonomy")))
        for name in [named.field] if named else list(found):
            words = [str(term.get(key) or "") for key in ("code", "name", "term")]
            found[name] |= {slug for word in words if (slug := vocabulary.slug(name, word))}
    listing.terms = found if whole else {name: slugs for name, slugs in found.items() if slugs}


def _known_words(name: str, cell: str, vocabulary: Vocabulary) -> set[str]:
    found = set()
    for word in filter(None, (plain(one) for one in cell.split(";"))):
        slug = vocabulary.slug(name, word)
        if slug is None:
            raise RowError(f"“{word[:40]}” is none of our {name.replace('_', ' ')}.")
        found.add(slug)
    return found


def _link(value: Any) -> str:
    address = plain(_text(value, "url"))
    if not address:
        return ""
    try:
        URLValidator(schemes=["http", "https"])(address)
        urlsplit(address)
    except (ValidationError, ValueError):
        raise RowError("Its web address must begin with http:// or https:// and be a full one.") from None
    if len(address) > MAX_LINK:
        raise RowError(f"Its web address is longer than {MAX_LINK} characters.")
    return address


def _email(value: Any) -> str:
    address = plain(_text(value, "email"))
    if address:
        try:
            validate_email(address)
        except ValidationError:
            raise RowError("Its e-mail address is not one.") from None
    if len(address) > MAX_EMAIL:
        raise RowError(f"Its e-mail address is longer than {MAX_EMAIL} characters.")
    return address


def _day(value: Any) -> date | None:
    text = plain(_text(value, "assured_date"))[:10]
    try:
        day = parse_date(text) if text else None
    except ValueError:
        day = None
    if text and not day:
        raise RowError("The day it was last checked must be written like 2026-10-25.")
    return day


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise RowError(f"“{name}” must be a text.")
    text = str(value)
    if len(text) > MAX_TEXT:
        raise RowError(f"“{name}” is longer than {MAX_TEXT:,} characters.")
    return text


def _dicts(value: Any) -> Sequence[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _all(value: Any, name: str) -> list[str]:
    return [text for one in _dicts(value) if (text := plain(_text(one.get(name), name)))]


def _first(value: Any, name: str) -> str:
    return next(iter(_all(value, name)), "")


def _phone_of_contacts(value: Any) -> str:
    return next((number for contact in _dicts(value) if (number := _first(contact.get("phones"), "number"))), "")
