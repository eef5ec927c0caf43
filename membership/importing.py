"""Importing an existing list of professionals: what each row would do (`plan`), and doing it (`perform`).

No consent is invented: whoever is imported waits for confirmation like anybody who joins, and gets that one mail.
A row is known by its address, so a file may be imported twice, or again after a failure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import models

from cms.addresses import address_hash, normalise_address
from cms.models import Sector
from membership import services
from membership.columns import UnknownWord, Vocabulary
from membership.models import ConsentRecord, Suppression, User
from membership.spreadsheets import Sheet

LOOKUP = 500  # addresses asked for in one query


class Outcome(models.TextChoices):
    READY = "ready", "Will be registered and asked to confirm"
    KNOWN = "known", "Already registered: left alone"
    SUPPRESSED = "suppressed", "Never to be mailed: left out"
    DUPLICATE = "duplicate", "Twice in this file: left out"
    WRONG = "wrong", "Cannot be imported as it is"


@dataclass
class Line:
    """One row of the file: its number there, what becomes of it, and why. `person` is what `services.join` takes."""

    number: int
    outcome: Outcome
    problem: str = ""
    person: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    lines: list[Line]

    @property
    def counts(self) -> dict[str, int]:
        found = dict.fromkeys((outcome.value for outcome in Outcome), 0)
        for line in self.lines:
            found[line.outcome.value] += 1
        return found

    @property
    def problems(self) -> list[Line]:
        """The lines that need a person's attention, in the order of the file."""
        return [line for line in self.lines if line.problem]

    def ready(self, *, after: int = 0) -> list[Line]:
        """The lines that would be imported, below row number `after`."""
        return [line for line in self.lines if line.outcome == Outcome.READY and line.number > after]


@dataclass
class Done:
    """What one run has done: how many were asked to confirm, the last row, and what stopped it (empty: nothing)."""

    imported: int = 0
    last: int = 0
    finished: bool = False
    trouble: str = ""


def plan(sheet: Sheet, columns: dict[str, int], *, default_sectors: Iterable[Sector] = ()) -> Plan:
    """Return what each row would do, changing nothing: a fixed number of queries per 500 rows.

    `columns` maps our fields (`columns.FIELDS`) to places in the sheet; `default_sectors` is for rows that name none.
    """
    vocabulary = Vocabulary.load(default_sectors)
    lines: list[Line] = []
    first_rows: dict[str, int] = {}
    for number, cells in sheet.rows:
        values = {name: cells[place] if place < len(cells) else "" for name, place in columns.items()}
        line = _line(number, values, vocabulary)
        address = line.person.get("email", "")
        if address and address in first_rows:
            line = Line(number, Outcome.DUPLICATE, f"The same address as in row {first_rows[address]}.")
        elif address:
            first_rows[address] = number
        lines.append(line)
    _mark_known(lines)
    return Plan(lines)


def perform(
    lines: Iterable[Line], *, go_on: Callable[[], bool] = lambda: True, progress: Callable[[], Any] = lambda: None
) -> Done:
    """Register each ready line and send its confirmation mail, one transaction each, while `go_on()` says so.

    Stops at the first mail that cannot be handed over, so that not everybody is registered without having been asked.
    """
    done = Done()
    for line in lines:
        if not go_on():
            return done
        done.last = line.number
        if not _may_still(line.person["email"]):
            progress()
            continue
        try:
            services.join(**line.person, channel=ConsentRecord.Channel.IMPORT)
        except Exception as error:  # every mail backend has errors of its own
            done.trouble = (
                f"Row {line.number} could not be completed ({type(error).__name__}): the mail system may be down."
            )
            return done
        done.imported += 1
        progress()
    done.finished = True
    return done


def _line(number: int, values: dict[str, str], vocabulary: Vocabulary) -> Line:
    try:
        address = normalise_address(values["email"]) if values["email"] else ""
        if not address:
            return Line(number, Outcome.WRONG, "There is no address.")
        person = {"email": address, **vocabulary.person(values)}
    except UnknownWord as error:
        return Line(number, Outcome.WRONG, str(error), {"email": address})
    except ValueError as error:
        return Line(number, Outcome.WRONG, str(error))
    return Line(number, Outcome.READY, person=person)


def _mark_known(lines: list[Line]) -> None:
    """Find the addresses that are registered, or must never be mailed."""
    ready = iter([line for line in lines if line.outcome == Outcome.READY])
    while batch := list(islice(ready, LOOKUP)):
        addresses = [line.person["email"] for line in batch]
        known = set(User.objects.filter(email__in=addresses).values_list("email", flat=True))
        hashes = {address_hash(address): address for address in addresses}
        reasons = {
            hashes[one.address_hash]: str(one.get_reason_display())
            for one in Suppression.objects.filter(address_hash__in=hashes)
        }
        for line in batch:
            address = line.person["email"]
            if address in reasons:
                line.outcome, line.problem = Outcome.SUPPRESSED, f"This address is never mailed: {reasons[address]}."
            elif address in known:
                line.outcome = Outcome.KNOWN


def _may_still(address: str) -> bool:
    """Nobody has registered or suppressed the address since it was planned."""
    return not (
        User.objects.filter(email=address).exists()
        or Suppression.objects.filter(address_hash=address_hash(address)).exists()
    )
