"""Verifying a backup: every hash, and its database restored for real, into a scratch one that is taken away again."""

import os
import tempfile
from pathlib import Path

from django.conf import settings

from newsletter.backups import databases
from newsletter.backups.archive import BackupError, Manifest, Progress, check, extract


def near(path: Path) -> Path:
    """Where to unpack: beside the archive, where there was room for it; among our own files if that may not be written.

    Never where others put what is temporary: that may be memory, and small.
    """
    return path.parent if os.access(path.parent, os.W_OK) else Path(settings.VAR_DIR)


def verify_backup(path: Path, progress: Progress | None = None) -> Manifest:
    """Return the manifest of a backup that can be relied on. Raises BackupError, saying what is wrong with it."""
    try:
        manifest = check(path, progress)
        with tempfile.TemporaryDirectory(prefix=".ihop-", dir=near(path)) as folder:
            dump = Path(folder) / "database"
            extract(path, manifest.database_file, dump)
            counts = databases.try_out(manifest.database, dump)
    except OSError as error:
        raise BackupError(f"The backup could not be verified: {error.strerror or error}.") from error
    differing = sorted(name for name, _ in counts.items() ^ manifest.counts.items())
    if differing:
        raise BackupError(f"The database in this backup is not what was backed up: rows of {differing[0]} differ.")
    return manifest
