"""The few places where hand-written SQL must differ between PostgreSQL and SQLite, and how it is run."""

import hashlib
import re
import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from django.db import InterfaceError, OperationalError, connection

SEPARATOR = "\x1f"  # a control character: no value that we write holds one

# Names of the statements prepared on each connection to PostgreSQL, which forgets them with the connection.
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def rows_of(types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Return SQL for a table of these rows, its columns named column1, column2, …, and its parameters.

    `types` are PostgreSQL's names. There each column goes over as one text, so that the statement stays the same
    whatever the number of rows, and is planned once.
    """
    if is_postgres():
        # An empty text would make an array of nothing, where one row with an empty value is meant.
        split = f"coalesce(nullif(string_to_array(%s, '{SEPARATOR}'), '{{}}'), ARRAY[''])"
        arrays = ", ".join(f"{split}::{type}[]" for type in types)
        names = ", ".join(f"column{number}" for number in range(1, len(types) + 1))
        columns = [SEPARATOR.join(map(_plain, column)) for column in zip(*rows, strict=True)]
        return f"(SELECT * FROM unnest({arrays}) AS t({names}))", columns
    row = f"({', '.join(['%s'] * len(types))})"
    return f"(VALUES {', '.join([row] * len(rows))})", [value for one in rows for value in one]


def _plain(value: Any) -> str:
    return str(value).replace(SEPARATOR, "")


def timestamp() -> str:
    """A placeholder for a time inside an expression, where PostgreSQL cannot tell its type."""
    return "%s::timestamptz" if is_postgres() else "%s"


def skip_locked() -> str:
    return "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""


def may_be_lost() -> str:
    """For the end of a FROM list: the commit need not wait for the disk, since a power cut that takes this statement
    back does no harm (ADR 5). The next commit that waits carries it along."""
    return ", (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed" if is_postgres() else ""


def uuid_value(value: uuid.UUID) -> Any:
    """SQLite keeps UUIDs as 32 hex digits."""
    return value if connection.features.has_native_uuid_field else value.hex


def time_value(value: datetime | None) -> Any:
    """SQLite keeps times as text, in UTC and without a zone."""
    return connection.ops.adapt_datetimefield_value(value)


def returning(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement and return the rows it returns."""
    with connection.cursor() as cursor:
        _execute(cursor, sql, params)
        return list(cursor.fetchall())


def returning_at_once(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """`returning`, without asking first whether the connection still lives: that takes as long as a short statement.

    Where it has died since the last request, the statement is run once more, on a new one.
    """
    connection.health_check_done = True  # type: ignore[attr-defined]  # missing in the stubs
    try:
        return returning(sql, params)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        connection.close()
        return returning(sql, params)


def changed(sql: str, params: Sequence[Any]) -> int:
    """Run a statement and return how many rows it changed."""
    with connection.cursor() as cursor:
        _execute(cursor, sql, params)
        return int(cursor.rowcount)


def run(sql: str, params: Sequence[Any] = ()) -> None:
    """Run a statement that is not worth preparing, or cannot be, such as one about a temporary table."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def hold(lock: int, number: int, *, wait: bool) -> bool:
    """Hold a number to the end of this transaction; returns whether nobody else does. SQLite has one writer anyway."""
    if not is_postgres():
        return True
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [lock, number])
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [lock, number])
        return bool(cursor.fetchone()[0])


def leave_gap(table: str, size: int) -> None:
    """Let the next row of a table have a number that is greater by so much than it would have been."""
    with connection.cursor() as cursor:
        if is_postgres():
            cursor.execute("SELECT setval(%s::regclass, nextval(%s::regclass) + %s)", [f"{table}_id_seq"] * 2 + [size])
            return
        cursor.execute("UPDATE sqlite_sequence SET seq = seq + %s WHERE name = %s", [size, table])
        if not cursor.rowcount:
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, size])


def _execute(cursor: Any, sql: str, params: Sequence[Any]) -> None:
    """Run a statement; on PostgreSQL prepare it first, because planning the ledger's joins takes as long as running
    them. A pooler between must keep a session together (docs/adr/0005-ledger.md)."""
    if not is_postgres():
        cursor.execute(sql, params)
        return
    name = f"ihop_{hashlib.sha256(sql.encode()).hexdigest()[:16]}"
    known = _prepared.setdefault(connection.connection, set())
    if name not in known:
        numbers = count(1)
        cursor.execute(f"PREPARE {name} AS " + re.sub("%s", lambda _: f"${next(numbers)}", sql))
        known.add(name)
    cursor.execute(f"EXECUTE {name}({', '.join(['%s'] * len(params))})", params)
