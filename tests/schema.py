"""A database with every migration run, made once and copied as often as tests want one.

To migrate takes some fifteen seconds; to copy takes a fraction of one. What a copy is made from is named after the
migrations and after what is installed, so it is never out of date. Roles, pages and permissions are not in it: these
`migrate` makes whenever it is run, and so it does on each copy. `python -m tests.schema` makes it beforehand.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from unittest import mock

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "var/test-schema"


def fingerprint() -> str:
    """What changes whenever a migrated database might come out otherwise."""
    sources = [ROOT / "requirements-dev.lock", ROOT / "config/settings/base.py", *ROOT.glob("*/migrations/*.py")]
    together = hashlib.sha256()
    for path in sorted(sources):
        together.update(path.read_bytes())
    return together.hexdigest()[:12]


def sqlite_schema() -> Path:
    """The file of the migrated SQLite database."""
    made = FOLDER / f"{fingerprint()}.sqlite3"
    with _alone():
        if not made.exists():
            for outdated in FOLDER.glob("*.sqlite3*"):
                outdated.unlink()
            making = made.with_suffix(".sqlite3-making")
            making.unlink(missing_ok=True)
            _migrate(f"sqlite:///{making}")
            with sqlite3.connect(making) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")  # so that the one file is all of it
            connection.close()
            making.rename(made)
    return made


def fill_sqlite(target: sqlite3.Connection) -> None:
    """Copy the migrated database into one that is open."""
    source = sqlite3.connect(sqlite_schema())
    source.backup(target)
    source.close()


def copy_sqlite(target: Path) -> None:
    shutil.copyfile(sqlite_schema(), target)


def postgres_schema(server: str) -> str:
    """The name of the migrated database at `server`, the address of any database there.

    It stays there for the next time, and so does one that other migrations made.
    """
    made = f"ihop_schema_{fingerprint()}"
    with _alone(), psycopg.connect(server, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [made]).fetchone():
            making = f"{made}_{os.getpid()}"
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(making)))
            _migrate(f"{server.rpartition('/')[0]}/{making}")
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(making), sql.Identifier(made)))
    return made


class _alone:
    """Held by one process at a time: whoever comes second finds what the first has made."""

    def __enter__(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self._lock = (FOLDER / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def _migrate(database: str) -> None:
    """Run every migration there, in a process of its own, without what `migrate` does after them."""
    environment = os.environ | {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    subprocess.run([sys.executable, "-m", "tests.schema", "--migrate"], cwd=ROOT, env=environment, check=True)


def main(*arguments: str) -> None:
    if "--migrate" in arguments:
        import django
        from django.core.management import call_command

        django.setup()
        with mock.patch("django.core.management.commands.migrate.emit_post_migrate_signal"):
            call_command("migrate", verbosity=0, run_syncdb=True)
    elif os.environ.get("DATABASE_URL", "").startswith("postgres"):
        postgres_schema(os.environ["DATABASE_URL"])
    else:
        sqlite_schema()


if __name__ == "__main__":
    main(*sys.argv[1:])
