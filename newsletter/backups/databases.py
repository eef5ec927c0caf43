"""The database part of a backup, for the database at hand: dump it, try a dump out, put one in its place."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from django.db import connection

from cms.models import Disarmed
from newsletter.backups import postgres, sqlite
from newsletter.backups.archive import BackupError


@dataclass(frozen=True)
class Snapshot:
    """What a dump holds: everything committed before `taken_at`, so many rows in each table."""

    taken_at: datetime
    counts: dict[str, int]


class Engine(Protocol):
    """What `postgres` and `sqlite` each do in their own way."""

    def dump(self, to: Path) -> tuple[datetime, dict[str, int]]:
        """Write a dump of one moment."""
        ...

    def try_out(self, dump: Path) -> dict[str, int]:
        """Restore a dump into a database of its own, count its rows, and take that database away again."""
        ...

    def put_back(self, dump: Path, disarmed: dict[str, Any]) -> None:
        """Replace what the database holds, in one step that also writes the row which keeps it silent."""
        ...


def engine() -> Engine:
    return _engine(connection.vendor)


def _engine(kind: str) -> Any:
    return postgres if kind == "postgresql" else sqlite


def dump(to: Path) -> Snapshot:
    return Snapshot(*engine().dump(to))


def try_out(kind: str, dump: Path) -> dict[str, int]:
    if kind == "postgresql" and connection.vendor != kind:
        raise BackupError("This is a backup of PostgreSQL: set DATABASE_URL to a PostgreSQL server to try it out.")
    found: dict[str, int] = _engine(kind).try_out(dump)
    return found


def put_back(dump: Path, *, because: str, taken_at: datetime) -> None:
    """Replace the database, or leave it as it is. From the first moment on it is disarmed, and behind."""
    row = Disarmed(pk=1, because=because, behind=True, taken_at=taken_at, told=True)
    fields = Disarmed._meta.concrete_fields
    values: dict[str, Any] = {
        str(one.column): one.get_db_prep_save(getattr(row, one.attname), connection) for one in fields
    }
    engine().put_back(dump, values)
