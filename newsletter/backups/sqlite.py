"""SQLite, through its own backup: a consistent copy while others read and write, and back in one transaction."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from newsletter.backups.archive import BackupError

PATIENCE = 60  # seconds that others may keep the database busy


def dump(to: Path) -> tuple[datetime, dict[str, int]]:
    to.touch(0o600)
    connection.ensure_connection()
    taken_at = timezone.now()
    with closing(sqlite3.connect(to)) as copy:
        connection.connection.backup(copy, progress=_patiently())
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, complete in itself
        return taken_at, _counts(copy)


def try_out(dump: Path) -> dict[str, int]:
    try:
        with closing(sqlite3.connect(f"file:{dump}?mode=ro&immutable=1", uri=True)) as copy:
            (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok" or copy.execute("PRAGMA foreign_key_check").fetchone():
                raise BackupError("The database in this backup is damaged: use another backup.")
            return _counts(copy)
    except sqlite3.DatabaseError as error:
        raise BackupError(f"The database in this backup cannot be read ({error}): use another backup.") from error


def put_back(dump: Path, disarmed: dict[str, Any]) -> None:
    columns, marks = ", ".join(disarmed), ", ".join("?" * len(disarmed))
    with closing(sqlite3.connect(dump)) as copy:
        with copy:
            copy.execute("DELETE FROM cms_disarmed")
            copy.execute(f"INSERT INTO cms_disarmed ({columns}) VALUES ({marks})", list(disarmed.values()))
        connection.ensure_connection()
        copy.backup(connection.connection, progress=_patiently())


def _counts(database: sqlite3.Connection) -> dict[str, int]:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {
        name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in sorted(tables.fetchall())
    }


def _patiently() -> Callable[[int, int, int], None]:
    """For `backup`, which would try for ever."""
    until = time.monotonic() + PATIENCE

    def look(status: int, remaining: int, total: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > until:
            raise BackupError(
                "The database is being written to all the time: stop web, worker and beat, and try again."
            )

    return look
