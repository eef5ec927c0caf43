"""Whether this installation may mail by itself: the one place that is asked before anything goes out unasked.

It may not while the setting SENDING_ARMED is off, while the database says so (`Disarmed`), or when the database is not
the one that was armed, but a copy of it (`installation.py`). Answers to what somebody does on a page, such as a link to
log in, are not asked about here. ADR 27.
"""

import logging
import uuid
from datetime import datetime

from django.conf import settings
from django.db import connection

from cms import installation
from cms.models import Disarmed, Installation

logger = logging.getLogger(__name__)

BY_SETTING = "Sending is disarmed on this installation: set SENDING_ARMED=true once you have checked it."
BY_DATABASE = "Sending is disarmed: {because} Whoever runs the service arms it again: see “Arming” in the runbook."
ELSEWHERE = BY_DATABASE.format(
    because="the database was armed for INSTALLATION_ID {known}, and this installation is {here}."
)
COPIED = "this database is a copy of the one that was armed, or was put back to an earlier moment."
WENT_BACK = "this database is older than it has been: it was put back to an earlier moment."


def silence() -> str:
    """The sentence that says why nothing may be mailed; empty when it may. At most one query, to look at."""
    if not settings.SENDING_ARMED:
        return BY_SETTING
    because = Disarmed.objects.values_list("because", flat=True).first()
    return BY_DATABASE.format(because=because) if because else ""


def examine() -> str:
    """The same, after a look at which database this is: to be asked once before mail goes out, not for each message.

    The first database that is asked about is believed to be the one; a copy of it is disarmed on the spot.
    """
    mark, turn = installation.last_turn()  # before the database is read: another process may be counting
    if found := silence():
        return found
    here, name = installation.place(), settings.INSTALLATION_ID
    known, _ = Installation.objects.get_or_create(pk=1, defaults={"place": here, "name": name})
    if known.name and known.name != name:
        # Said, and not written down: a process with a wrong setting must not disarm what others send.
        return ELSEWHERE.format(known=known.name, here=name or "without one")
    if known.place != here:
        return disarm(COPIED, behind=True, told=False)
    if name and not known.name:
        Installation.objects.filter(pk=1).update(name=name)
    if _may_be_rolled_back():  # then it counts nothing, and compares nothing
        return ""
    if mark == str(known.mark) and known.turns < turn:
        return disarm(WENT_BACK, behind=True, told=False)
    installation.count_turn()
    return ""


def disarm(because: str, *, behind: bool = False, taken_at: datetime | None = None, told: bool = True) -> str:
    """Mail nothing more; return the sentence that says so. What is behind already stays so."""
    values = {"because": because, "behind": behind, "taken_at": taken_at, "told": told}
    row, made = Disarmed.objects.get_or_create(pk=1, defaults=values)
    if not made and behind and not row.behind:
        Disarmed.objects.filter(pk=1).update(**values)
    logger.error("sending was disarmed: %s", because)
    return BY_DATABASE.format(because=because)


def caught_up() -> None:
    """Note that the journal has been replayed: what was erased or left since is so again."""
    Disarmed.objects.filter(pk=1).update(behind=False)


def arm() -> None:
    """Let this database mail, in this place. The caller answers for it (`newsletter/arming.py`)."""
    values = {
        "mark": uuid.uuid4(),
        "name": settings.INSTALLATION_ID,
        "place": installation.place(),
        "turns": 0,
    }
    Installation.objects.update_or_create(pk=1, defaults=values)
    Disarmed.objects.all().delete()


def _may_be_rolled_back() -> bool:
    return bool(connection.in_atomic_block)
