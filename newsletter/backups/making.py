"""Making a backup: dump, journal and media into one file, which is there complete or not at all."""

import hashlib
import hmac
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from newsletter.backups import databases
from newsletter.backups.archive import JOURNAL, BackupError, Manifest, Progress, Writer

NAME = "ihop-{:%Y%m%dT%H%M%SZ}.tar"
OWN = "ihop-????????T??????Z.tar"  # what `--keep` counts and removes
PART = ".ihop-"  # while it is being written
LEFT_BEHIND = 24 * 3600  # seconds after which an unfinished one was left by a process that was killed


@dataclass(frozen=True)
class Made:
    """What was made; `path` None where it was written to standard output."""

    path: Path | None
    manifest: Manifest
    removed: int = 0  # older ones


def make_backup(target: str, *, keep: int = 0, progress: Progress | None = None) -> Made:
    """Write a backup into a folder under a name of its own, into a new file, or to standard output (`-`).

    `keep` leaves so many of those that this service named in that folder. Raises BackupError, with nothing left behind.
    """
    try:
        if target == "-":
            # Not where others put what is temporary: that may be memory, and small.
            _sweep(Path(settings.VAR_DIR))
            with tempfile.TemporaryDirectory(prefix=PART, dir=settings.VAR_DIR) as scratch:
                return Made(None, _write(sys.stdout.buffer, Path(scratch), progress))
        path = Path(target)
        folder = path if path.is_dir() or target.endswith(os.sep) else path.parent
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with tempfile.TemporaryDirectory(prefix=PART, dir=folder) as scratch:
            part = Path(scratch) / "backup.tar"
            with _own_file(part) as file:
                manifest = _write(file, Path(scratch), progress)
            if folder == path:
                path = folder / NAME.format(manifest.moment.astimezone(UTC))
            _name(part, path)
        return Made(path, manifest, thin(folder, keep) if keep else 0)
    except OSError as error:
        raise BackupError(f"The backup could not be written: {error.strerror or error}.") from error


def key_check() -> str:
    """By which the key of the address hashes is known again. It tells nothing that the hashes do not."""
    return hmac.new(settings.ADDRESS_HASH_KEY.encode(), b"backup", hashlib.sha256).hexdigest()[:16]


def media_files() -> Iterator[tuple[str, Path]]:
    """Every uploaded file, by its name below the media folder, in an order that stays the same."""
    root = Path(settings.MEDIA_ROOT)
    for folder, folders, files in os.walk(root):
        folders.sort()
        for file in sorted(files):
            path = Path(folder) / file
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix(), path


def media_size() -> int:
    """Bytes of all media, for a bar of progress."""
    return sum(path.stat().st_size for _, path in media_files())


def _write(file: IO[bytes], scratch: Path, progress: Progress | None) -> Manifest:
    dumped = scratch / "database"
    snapshot = databases.dump(dumped)
    manifest = Manifest(
        version=settings.VERSION,
        taken_at=snapshot.taken_at.isoformat(),
        database=connection.vendor,
        counts=snapshot.counts,
        migrations=sorted(".".join(key) for key in MigrationRecorder(connection).applied_migrations()),
        key=key_check(),
    )
    writer = Writer(file, progress)
    writer.add(manifest.database_file, dumped)
    dumped.unlink()
    journal = Path(settings.ERASURE_JOURNAL)
    copy = scratch / "journal"  # it may grow at any moment
    shutil.copyfile(journal, copy) if journal.exists() else copy.touch()
    writer.add(JOURNAL, copy)
    # After the database: a file too many harms nobody, one that is missing does.
    for name, path in media_files():
        writer.add_media(name, path)
    manifest.parts.extend([*writer.parts, writer.media.part()])
    writer.finish(manifest)
    return manifest


@contextmanager
def _own_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that nobody else may read, on the disk when it is closed."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _name(part: Path, path: Path) -> None:
    """Give the finished file its name, which must not be taken."""
    try:
        os.link(part, path)
    except FileExistsError as error:
        raise BackupError(f"There is a file {path} already: name another, or a folder.") from error
    except OSError as error:  # not every file system has links
        if path.exists():
            raise BackupError(f"There is a file {path} already: name another, or a folder.") from error
        part.rename(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def thin(folder: Path, keep: int) -> int:
    """Leave so many of our own backups in a folder; return how many went."""
    old = sorted(folder.glob(OWN), reverse=True)[keep:]
    for path in old:
        path.unlink()
    return len(old)


def _sweep(folder: Path) -> None:
    """Take away what a backup that was killed has left: it holds people's data."""
    for path in folder.glob(PART + "*"):
        if path.is_dir() and time.time() - path.stat().st_mtime > LEFT_BEHIND:
            shutil.rmtree(path, ignore_errors=True)
