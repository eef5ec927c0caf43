"""What the columns of somebody else's list mean: guessing them from their names, and reading sectors and regions."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from cms.models import Region, Sector
from membership.models import Member, User

# Our fields: what people read, and how lists tend to call them (lower case, letters and digits only).
FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "email": ("E-mail address", ("email", "emailaddress", "mail", "emailaddr", "workemail", "emailaddresswork")),
    "first_name": ("First name", ("firstname", "forename", "givenname", "first", "christianname")),
    "last_name": ("Last name", ("lastname", "surname", "familyname", "last")),
    "name": ("Full name", ("name", "fullname", "contactname", "contact", "displayname")),
    "sectors": ("Sectors", ("sectors", "sector", "field", "profession", "professionalfield", "industry")),
    "region": ("Region", ("region", "area", "location", "englishregion")),
    "organisation": ("Organisation", ("organisation", "organization", "company", "employer", "org", "agency")),
    "job_role": ("Job role", ("jobrole", "role", "job", "jobtitle", "position", "post", "title")),
}
REQUIRED = "email"
NATIONAL = {"national", "nationwide", "england", "uk", "unitedkingdom", "wholecountry", "thewholecountry", "all"}
LENGTHS = {
    "first_name": 60,
    "last_name": 60,
    "organisation": Member._meta.get_field("organisation").max_length or 0,
    "job_role": Member._meta.get_field("job_role").max_length or 0,
}
assert LENGTHS["first_name"] <= (User._meta.get_field("first_name").max_length or 0)


class UnknownWord(ValueError):
    """A row that names its person well but says something that we do not know."""


def guess_columns(headers: list[str]) -> dict[str, int]:
    """Return which of our fields is in which column, as far as the names of the columns tell."""
    plain = [_plain(header) for header in headers]
    found: dict[str, int] = {}
    for name, (label, words) in FIELDS.items():
        for word in (*words, _plain(label)):
            places = [place for place, header in enumerate(plain) if header == word and place not in found.values()]
            if places:
                found[name] = places[0]
                break
    if REQUIRED not in found:
        for place, header in enumerate(plain):
            if "email" in header and place not in found.values():
                found.setdefault(REQUIRED, place)
    if "first_name" in found or "last_name" in found:
        found.pop("name", None)
    return found


@dataclass(frozen=True)
class Vocabulary:
    """Every spelling under which a sector or region is known, in plain letters."""

    sectors: dict[str, Sector]
    regions: dict[str, Region]
    default_sectors: tuple[Sector, ...] = ()

    @classmethod
    def load(cls, default_sectors: Iterable[Sector] = ()) -> "Vocabulary":
        return cls(
            {_plain(word): one for one in Sector.objects.all() for word in (one.slug, one.name, one.short_name)},
            {_plain(word): one for one in Region.objects.all() for word in (one.slug, one.name)},
            tuple(default_sectors),
        )

    def person(self, values: dict[str, str]) -> dict[str, Any]:
        """Return what `services.join` takes, without the address. Raises UnknownWord with a sentence."""
        first, last = values.get("first_name", ""), values.get("last_name", "")
        if not first and not last:
            first, _, last = values.get("name", "").rpartition(" ")
            first, last = (first, last) if first else (last, "")
        texts = {
            "first_name": first,
            "last_name": last,
            "organisation": values.get("organisation", ""),
            "job_role": values.get("job_role", ""),
        }
        for name, text in texts.items():
            if len(text) > LENGTHS[name]:
                raise UnknownWord(f"{FIELDS[name][0]} is longer than {LENGTHS[name]} characters.")
        return {
            **texts,
            "sectors": self._sectors(values.get("sectors", "")),
            "region": self._region(values.get("region", "")),
        }

    def _sectors(self, text: str) -> list[Sector]:
        """Sectors named in one cell, apart by commas, semicolons or bars."""
        if not text.strip():
            if not self.default_sectors:
                raise UnknownWord("No sector is named, and none was chosen for such rows.")
            return list(self.default_sectors)
        parts = [part for part in re.split(r"[;|,/]", text) if part.strip()]
        found: dict[int, Sector] = {}
        while parts:
            # Some names have commas of their own: the longest run of parts that makes a name counts.
            runs = [(self.sectors.get(_plain("".join(parts[:size]))), size) for size in range(len(parts), 0, -1)]
            sector, size = next(((one, size) for one, size in runs if one), (None, 0))
            if not sector:
                raise UnknownWord(_unknown("sector", parts[0].strip(), self.sectors))
            found[sector.pk] = sector
            parts = parts[size:]
        return list(found.values())

    def _region(self, text: str) -> Region | None:
        if not text.strip() or _plain(text) in NATIONAL:
            return None
        region = self.regions.get(_plain(text))
        if not region:
            raise UnknownWord(_unknown("region", text, self.regions))
        return region


def _unknown(what: str, word: str, known: Mapping[str, Sector | Region]) -> str:
    """Say that a word is unknown, and which known ones come near."""
    plain = _plain(word)
    near = get_close_matches(plain, known, n=3, cutoff=0.6)
    near += [spelling for spelling in known if len(plain) > 3 and plain in spelling]
    meant = list(dict.fromkeys(known[spelling].name for spelling in near))[:3]
    if meant:
        return f"“{word[:60]}” is not a {what} here. Did you mean {' or '.join(f'“{name}”' for name in meant)}?"
    names = dict.fromkeys(one.name for one in known.values())
    return f"“{word[:60]}” is not a {what} here. Known are: {', '.join(names)}."


def _plain(text: str) -> str:
    """Letters and digits only, in lower case; “and” and “&” are the same."""
    return re.sub(r"[\W_]+", "", text.lower().replace("&", "and"))
