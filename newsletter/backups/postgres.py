"""PostgreSQL, through its own programs: `pg_dump`, `pg_restore` and `psql`, as found on PATH."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import psycopg
from django.db import connection
from psycopg import sql

from newsletter.backups.archive import BackupError, copy

SCRATCH = "ihop_verify_"
PLAIN = ("--no-owner", "--no-privileges", "--no-comments")  # whoever restores need not be who made it
NEWER = b"SET transaction_timeout"  # written by pg_restore 17 and later, whatever the server
END_OF_HEAD = b"SELECT pg_catalog.set_config('search_path'"
# Everything of ours goes, and what belongs to extensions stays. In the transaction that brings the new.
CLEAR = """
BEGIN;
SET lock_timeout = '60s';
DO $$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT format('%s IF EXISTS %I.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname) AS what
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relkind = 'S'
  LOOP
    EXECUTE 'DROP ' || one.what;
  END LOOP;
  FOR one IN
    SELECT p.oid::regprocedure AS what FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP
    EXECUTE 'DROP ROUTINE IF EXISTS ' || one.what || ' CASCADE';
  END LOOP;
END $$;
"""


def dump(to: Path) -> tuple[datetime, dict[str, int]]:
    """One snapshot for the dump and for the counts."""
    to.touch(0o600)
    with _session() as raw:
        raw.isolation_level, raw.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        taken_at, snapshot = _row(raw, "SELECT now(), pg_export_snapshot()")
        counts = _counts(raw)
        _run("pg_dump", "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={to}")
    return taken_at, counts


def try_out(dump: Path) -> dict[str, int]:
    name = SCRATCH + uuid.uuid4().hex[:12]
    with _session(autocommit=True) as raw:
        _sweep(raw)
        try:
            raw.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise BackupError(
                "The database's role may not create a database to try the backup out: grant it CREATEDB, or verify on "
                "another server."
            ) from error
        try:
            with _session(name):  # held, so that nobody's sweep takes it for one that was left behind
                _restore(dump, database=name)
            with _session(name) as scratch:
                return _counts(scratch)
        finally:
            raw.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def put_back(dump: Path, disarmed: dict[str, Any]) -> None:
    """One transaction of `psql`: whatever ends this process before its last line leaves the database as it was."""
    row = sql.SQL("INSERT INTO public.cms_disarmed ({}) VALUES ({});\n").format(
        sql.SQL(", ").join(map(sql.Identifier, disarmed)), sql.SQL(", ").join(map(sql.Literal, disarmed.values()))
    )
    with _session() as raw:
        last = f"\nDELETE FROM public.cms_disarmed;\n{row.as_string(raw)}COMMIT;\n"
    connection.close()
    try:
        _restore(dump, before=CLEAR, after=last)
    except BackupError as error:
        raise BackupError(f"The database was left as it was: {error}") from error


def _restore(dump: Path, *, database: str = "", before: str = "", after: str = "") -> None:
    """Let `psql` run what `pg_restore` writes, between other statements; it stops at the first error.

    Not `pg_restore` itself: from 17 on it asks for a parameter that an older server does not know. Raises BackupError.
    """
    arguments, environment = _target("psql", database)
    command = [_program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", *arguments]
    with subprocess.Popen(  # noqa: S603  our own arguments
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as psql:
        assert psql.stdin
        assert psql.stderr
        try:
            psql.stdin.write(before.encode())
            _feed(psql.stdin, dump)
            psql.stdin.write(after.encode())
            psql.stdin.close()
        except BrokenPipeError:
            _abandon(psql.stdin)  # psql has stopped at an error, and says which
        except BaseException:
            psql.kill()
            _abandon(psql.stdin)
            raise
        trouble = psql.stderr.read().decode(errors="replace")
    if psql.returncode:
        raise BackupError(_said(trouble))


def _abandon(stdin: IO[bytes]) -> None:
    """Close it, whatever had not been written yet."""
    with suppress(BrokenPipeError):
        stdin.close()


def _feed(stdin: IO[bytes], dump: Path) -> None:
    """Write a dump as SQL, without the parameter that only newer servers know."""
    command = [_program("pg_restore"), *PLAIN, "--file=-", str(dump)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source:  # noqa: S603  our own
        assert source.stdout
        assert source.stderr
        try:
            for line in source.stdout:  # the head, which ends here; what follows is data
                if not line.startswith(NEWER):
                    stdin.write(line)
                if line.startswith(END_OF_HEAD):
                    break
            copy(source.stdout, stdin)
        except BaseException:
            source.kill()
            raise
        trouble = source.stderr.read().decode(errors="replace")
    if source.returncode:
        raise BackupError(_said(trouble))


def _counts(raw: Any) -> dict[str, int]:
    tables = raw.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
    ).fetchall()
    count = sql.SQL("SELECT count(*) FROM public.{}")
    return {name: _row(raw, count.format(sql.Identifier(name)))[0] for (name,) in tables}


def _row(raw: Any, statement: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = raw.execute(statement).fetchone()
    return row


def _sweep(raw: Any) -> None:
    """Drop what a verification that was killed has left behind. One that is under way is connected to its own."""
    for (name,) in raw.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [SCRATCH + "%"]).fetchall():
        try:
            raw.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        except psycopg.Error:
            continue


@contextmanager
def _session(database: str = "", *, autocommit: bool = False) -> Iterator[Any]:
    """A connection of its own, whatever transaction the application's is in."""
    parameters = connection.get_connection_params()
    parameters |= {"autocommit": autocommit} | ({"dbname": database} if database else {})
    with closing(psycopg.connect(**parameters)) as raw:
        yield raw


def _target(program: str, database: str = "") -> tuple[list[str], dict[str, str]]:
    """How a program finds the database: arguments, and an environment with the password."""
    chosen = connection.settings_dict | ({"NAME": database} if database else {})
    arguments, extra = connection.client.settings_to_cmd_args_env(chosen, [])
    *rest, name = arguments[1:]
    return [*rest, "--dbname", name], {**os.environ, **(extra or {})}


def _run(program: str, *arguments: str) -> None:
    target, environment = _target(program)
    done = subprocess.run(  # noqa: S603  our own arguments
        [_program(program), *target, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(_said(done.stderr))


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise BackupError(f"{name} is not on PATH: install PostgreSQL's client programs (Debian: postgresql-client).")
    return found


def _said(stderr: str) -> str:
    """The line of a program's complaint that says what is wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
    return (wrong or lines or ["the program gave no reason"])[0][:300]
