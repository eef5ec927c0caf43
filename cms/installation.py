"""Which database this is, as its server says: a copy, however it was made, is another one (ADR 27).

A restored dump has other object numbers, another cluster has another identifier, and a cluster that was put back to an
earlier moment, or promoted from a replica, is on another timeline. Where the disk itself is put back nothing of that
changes: so every drain counts a turn in the database, and notes the number beside the journal of erasures. A database
that knows of fewer turns than the note is older than it was.
"""

import json
import logging
import os
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F

from cms.models import Installation

logger = logging.getLogger(__name__)

NUMBERS = "SELECT oid, 'cms_installation'::regclass::oid FROM pg_database WHERE datname = current_database()"
# Of the whole server. Some providers keep these functions to themselves: then the numbers above have to do.
CLUSTER = "SELECT system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) FROM pg_control_system()"


def place() -> str:
    """What the database at hand says it is."""
    if connection.vendor == "sqlite":
        path = Path(str(connection.settings_dict["NAME"]))
        return f"sqlite {os.stat(path).st_ino}" if path.is_file() else "sqlite in memory"
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS)
        numbers = cursor.fetchone()
        try:
            with transaction.atomic():
                cursor.execute(CLUSTER)
                numbers += cursor.fetchone()
        except DatabaseError:
            logger.info("the database does not say which server it is on")
    return "postgresql " + " ".join(map(str, numbers))


def last_turn() -> tuple[str, int]:
    """The mark and the turn that were noted last, outside the database; nothing where nothing was."""
    try:
        noted = json.loads(_note().read_text())
        return str(noted["mark"]), int(noted["turn"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0


def count_turn() -> None:
    """Count one turn, first in the database, then outside it. For use outside a transaction."""
    Installation.objects.filter(pk=1).update(turns=F("turns") + 1)
    known = Installation.objects.get(pk=1)
    note, text = _note(), json.dumps({"mark": str(known.mark), "turn": known.turns})
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        part = note.with_name(f"{note.name}.{os.getpid()}")
        part.write_text(text)
        part.replace(note)
    except OSError as error:
        logger.warning("the turn could not be noted beside the journal: %s", type(error).__name__)


def _note() -> Path:
    return Path(settings.ERASURE_JOURNAL).with_name("turns.json")
