"""Make the snapshots that upgrades are tried on: `python -m tests.upgrades.make_snapshot`.

One for SQLite and, where PostgreSQL answers, one for it: the demo with a few members, sent to the end, as `backup`
writes it. They are named after the version. Run this when a release is cut, and until 1.0 whenever an initial migration
changes.
"""

import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/upgrades"
SERVER = "postgres://root@127.0.0.1:5432/test"
MEMBERS = "12"
# Known keys, so that seals and hashes hold wherever the tests run.
KEYS = {"SECRET_KEY": "for tests only", "ADDRESS_HASH_KEY": "for tests only"}


def snapshots(kind: str) -> list[Path]:
    """The snapshots of one kind of database, of every version there is."""
    return sorted(FOLDER.glob(f"*-{kind}.tar.xz"))


def unpacked(snapshot: Path, folder: Path) -> Path:
    """The backup in a snapshot."""
    path = folder / snapshot.name.removesuffix(".xz")
    with lzma.open(snapshot) as packed, path.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return path


def make(kind: str, version: str, database: str = "") -> Path:
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "VAR_DIR"}}
        environment |= KEYS | {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings.development"}
        environment |= {"DATABASE_URL": database} if database else {}
        backup = Path(folder) / "backup.tar"
        for arguments in (["migrate", "-v0"], ["demo", "--members", MEMBERS], ["backup", str(backup)]):
            command = [sys.executable, "manage.py", *arguments]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        made = FOLDER / f"{version}-{kind}.tar.xz"
        with backup.open("rb") as plain, lzma.open(made, "wb", preset=9 | lzma.PRESET_EXTREME) as packed:
            shutil.copyfileobj(plain, packed)
    return made


@contextmanager
def own_database() -> Iterator[str]:
    """A database of its own on the server that the tests use."""
    name = f"ihop_snapshot_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{SERVER.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    from django.conf import settings

    made = [make("sqlite", settings.VERSION)]
    try:
        with own_database() as database:
            made.append(make("postgresql", settings.VERSION, database))
    except psycopg.OperationalError:
        print("PostgreSQL does not answer: its snapshot was left out.")  # noqa: T201
    for path in made:
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
