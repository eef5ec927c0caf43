"""`restore FILE`: put a backup back. What comes up is disarmed, and says what is to be looked at (docs/runbook.md)."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from newsletter.backups.restoring import Restored, restore
from newsletter.catching_up import words
from newsletter.management.operator import Error, OperatorCommand


class Command(OperatorCommand):
    help = "Put a backup in the place of this installation's data. Nothing is mailed until `arm_sending`."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--replace", action="store_true", help="lose the members and deliveries that are here")
        parser.add_argument("--journal-lost", action="store_true", help="there is no journal but that in the backup")
        parser.add_argument("--key-lost", action="store_true", help="ADDRESS_HASH_KEY is another than it was")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        path = options["file"]
        if not path.is_file():
            raise Error(f"There is no file {path}.")
        with self.progress("Restoring", None) as advance:
            done = restore(
                path,
                replace=options["replace"],
                journal_lost=options["journal_lost"],
                key_lost=options["key_lost"],
                progress=advance,
            )
        for line in self._to_look_at(done, options["journal_lost"]):
            self.say(line)
        caught = done.caught_up
        return {
            "taken_at": done.manifest.taken_at,
            "rows": sum(done.manifest.counts.values()),
            "media": done.media,
            "journal": done.journal,
            "replayed": asdict(caught.replayed),
            "to_decide": caught.doubted,
            "held": caught.held,
            "unsent": caught.unsent,
            "armed": False,
        }

    def _to_look_at(self, done: Restored, journal_lost: bool) -> list[str]:
        caught, again = done.caught_up, done.caught_up.replayed
        lines = [
            f"Restored: {sum(done.manifest.counts.values()):,} rows and {done.media:,} media files, as they were on "
            f"{words(done.manifest.moment)}. Sending is disarmed.",
            f"The journal was replayed: {again.erased} accounts erased, {again.suppressed} addresses suppressed, "
            f"{again.ended} subscriptions ended, {again.forgotten} addresses forgotten in offers and messages.",
        ]
        if not done.journal and not journal_lost:
            lines.append(
                "There was no journal outside the backup: whoever was erased or left since is back. Find it, run "
                "`replay_erasures --journal FILE`, then arm."
            )
        if again.unreadable:
            lines.append(f"{again.unreadable} lines of the journal could not be read: compare it with its own copy.")
        if again.refused:
            lines.append(f"Accounts that could not be erased, to be looked at: {', '.join(map(str, again.refused))}.")
        lines += [
            f"Issue {period} was not sent to its end: it is paused, {count:,} deliveries wait for `decide {period}`."
            for period, count in caught.doubted.items()
        ]
        if caught.held:
            lines.append(f"No longer sent by themselves, because they may have been: {', '.join(caught.held)}.")
        if caught.unsent:
            lines.append(
                f"Not sent as far as this copy knows: {', '.join(caught.unsent)}. Look into the mail provider's log "
                "before you send one of them."
            )
        lines.append("Then: `arm_sending --by EMAIL --reason TEXT`.")
        return lines
