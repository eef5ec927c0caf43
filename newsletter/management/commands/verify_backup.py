"""`verify_backup FILE`: every hash, and its database restored for real, into a scratch one."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from newsletter.backups.verifying import verify_backup
from newsletter.management.operator import Error, OperatorCommand


class Command(OperatorCommand):
    help = "Say whether a backup can be relied on: its hashes, and its database restored into a scratch one."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path)

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        path = options["file"]
        if not path.is_file():
            raise Error(f"There is no file {path}.")
        with self.progress("Verifying", path.stat().st_size) as advance:
            manifest = verify_backup(path, advance)
        media = manifest.parts[-1]
        self.say(
            f"{path} is good: version {manifest.version}, taken {manifest.taken_at}, {sum(manifest.counts.values()):,} "
            f"rows, {media.files:,} media files."
        )
        return {"path": str(path), "verified": True, "manifest": asdict(manifest)}
