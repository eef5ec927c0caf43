"""`backup FOLDER|FILE|-`: database, media and the journal of erasures in one file (docs/runbook.md)."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from newsletter.backups.making import make_backup, media_size, thin
from newsletter.backups.verifying import verify_backup
from newsletter.management.operator import OperatorCommand


class Command(OperatorCommand):
    help = "Write everything this installation holds into one file. It is there complete, or not at all."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "target",
            metavar="FOLDER|FILE",
            help="a folder (the file gets a name of its own), a new file, or - for stdout",
        )
        parser.add_argument(
            "--verify", action="store_true", help="then restore its database into a scratch one, and compare"
        )
        parser.add_argument("--keep", type=int, default=0, metavar="N", help="leave the N newest backups in the folder")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        target, keep = options["target"], options["keep"]
        if keep < 0:
            raise CommandError("--keep takes a number from 1 up.", returncode=2)
        if target == "-" and (options["verify"] or keep or options["json"]):
            raise CommandError("What goes to standard output is neither verified, counted nor described.", returncode=2)
        if target == "-":
            make_backup(target)
            return {}
        with self.progress("Backing up", media_size() or None) as advance:
            # Older ones go only once the new one is known to be good.
            made = make_backup(target, keep=0 if options["verify"] else keep, progress=advance)
        removed = made.removed
        assert made.path
        if options["verify"]:
            with self.progress("Verifying", made.path.stat().st_size) as advance:
                verify_backup(made.path, advance)
            removed = thin(made.path.parent, keep) if keep else 0
        size = made.path.stat().st_size
        verified = " Verified." if options["verify"] else ""
        self.say(f"{made.path}: {size:,} bytes, {sum(made.manifest.counts.values()):,} rows.{verified}")
        if removed:
            self.say(f"{removed} older removed.")
        return {
            "path": str(made.path),
            "bytes": size,
            "verified": options["verify"],
            "removed": removed,
            "manifest": asdict(made.manifest),
        }
