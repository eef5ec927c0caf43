"""Putting a backup back: the database in one step that leaves it disarmed, then media, journal, and catching up.

Killed before that step, the target is as it was. Killed after it, the target is disarmed, says that the restore has
not come to its end, and the same command with `--replace` does it again.
"""

import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from wagtail.models import Site

from cms import arming
from cms.models import Disarmed
from membership import journal
from membership.models import Member
from newsletter.backups import databases
from newsletter.backups.archive import JOURNAL, MEDIA, BackupError, Manifest, Progress, check, copy, extract, reading
from newsletter.backups.making import key_check
from newsletter.backups.verifying import near
from newsletter.catching_up import CaughtUp, catch_up, words
from newsletter.models import Delivery, Heartbeat

ALIVE = timedelta(minutes=3)  # since its last sign of life, a process counts as running
OURS = {"cms", "membership", "newsletter"}
UNFINISHED = "the backup of {} is being put back, and that has not come to its end: run restore again with --replace."
FINISHED = "the backup of {} was put back on {}."


@dataclass(frozen=True)
class Restored:
    """What was put back. `journal`: whether there was one outside the backup, that knows what happened since."""

    manifest: Manifest
    media: int
    journal: bool
    caught_up: CaughtUp


def restore(
    path: Path,
    *,
    replace: bool = False,
    journal_lost: bool = False,
    key_lost: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """Put a backup in the place of this installation's data. Raises BackupError.

    `replace`: even though there are members or deliveries. `journal_lost`, `key_lost`: there is no journal outside the
    backup, or ADDRESS_HASH_KEY is another, and somebody answers for that.
    """
    try:
        manifest = check(path, progress)
        _refuse(manifest, replace=replace, key_lost=key_lost)
        with tempfile.TemporaryDirectory(prefix=".ihop-", dir=near(path)) as scratch:
            dump, lines = Path(scratch) / "database", Path(scratch) / "journal"
            extract(path, manifest.database_file, dump)
            extract(path, JOURNAL, lines)
            outside = Path(settings.ERASURE_JOURNAL).is_file()  # what is made now holds only a part of it
            _save_the_journal()
            databases.put_back(dump, because=UNFINISHED.format(words(manifest.moment)), taken_at=manifest.moment)
            _look_anew()
            _migrate()
            media = _put_media(path, progress)
            journal.merge(lines)
    except OSError as error:
        raise BackupError(f"The backup could not be put back: {error.strerror or error}.") from error
    caught_up = catch_up()
    if outside or journal_lost:
        arming.caught_up()
    Disarmed.objects.filter(pk=1).update(because=FINISHED.format(words(manifest.moment), words(timezone.now())))
    return Restored(manifest, media, outside, caught_up)


def _refuse(manifest: Manifest, *, replace: bool, key_lost: bool) -> None:
    """Raise BackupError for whatever stands in the way, before anything is touched."""
    if manifest.database != connection.vendor:
        raise BackupError(
            f"This is a backup of {manifest.database}, and DATABASE_URL names {connection.vendor}: name its kind."
        )
    known = {".".join(key) for key in MigrationLoader(None).disk_migrations or {}}
    ours = {name for name in manifest.migrations if name.partition(".")[0] in OURS}
    if newer := sorted(ours - known):
        raise BackupError(
            f"This backup was made by version {manifest.version}, which this code does not know ({newer[0]}): restore "
            "it with that version."
        )
    if manifest.key != key_check() and not key_lost:
        raise BackupError(
            "ADDRESS_HASH_KEY is not the one of this backup, and nobody who was erased or left would be recognised: "
            "set it as it was, or say --key-lost."
        )
    tables = set(connection.introspection.table_names())
    if Heartbeat._meta.db_table in tables and Heartbeat.objects.filter(at__gt=timezone.now() - ALIVE).exists():
        raise BackupError("Workers or the scheduler are running: stop them, wait three minutes, and restore again.")
    held = [model for model in (Member, Delivery) if model._meta.db_table in tables and model.objects.exists()]
    if held and not replace:
        raise BackupError(
            "This database holds members or deliveries: restore into an empty one, or say --replace to lose what is "
            "in it."
        )


def _save_the_journal() -> None:
    """Write what the journal has missed of the database that is about to go, if that still answers."""
    try:
        if Member._meta.db_table in connection.introspection.table_names():
            journal.catch_up()
    except DatabaseError:
        return


def _migrate() -> None:
    """Bring an older backup to what this version needs."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def _look_anew() -> None:
    """Forget what this process, and the cache, remember of the database that was here before."""
    connection.close()
    ContentType.objects.clear_cache()
    Site.clear_site_root_paths_cache()


def _put_media(path: Path, progress: Progress | None) -> int:
    """Write every file of the media in its place, each at once. What was uploaded since stays."""
    root, written = Path(settings.MEDIA_ROOT), 0
    mode = settings.FILE_UPLOAD_PERMISSIONS or 0o644
    with reading(path) as files:
        for name, content, _ in files:
            if not name.startswith(MEDIA):
                continue
            target = root / name.removeprefix(MEDIA)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".restoring-{os.getpid()}")
            with part.open("wb") as file:
                copy(content, file, progress)
            part.chmod(mode)
            part.replace(target)
            written += 1
    return written
