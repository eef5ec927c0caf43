"""`replay_erasures`: after restoring an older backup, erase, suppress and end again what was since."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from membership.replaying import replay
from newsletter.management.operator import Error, OperatorCommand


class Command(OperatorCommand):
    help = "Apply the journal of erasures to a restored database (docs/runbook.md). May be run again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--journal", metavar="FILE", type=Path, help="default: the setting ERASURE_JOURNAL")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        path = options["journal"] or Path(settings.ERASURE_JOURNAL)
        if not path.is_file():
            raise Error(f"There is no journal at {path}: name it with --journal FILE.")
        done = replay(path)
        self.say(
            f"{done.entries} entries read: {done.erased} accounts erased, {done.suppressed} addresses suppressed, "
            f"{done.ended} subscriptions ended, {done.forgotten} addresses taken out of what was offered and written."
        )
        if done.unreadable:
            self.say(f"{done.unreadable} lines could not be read: compare {path} with its own copy.")
        if done.refused:
            self.say(f"Accounts that could not be erased, to be looked at: {', '.join(map(str, done.refused))}.")
        if settings.SENDING_ARMED:
            self.say("Sending is armed on this installation: a restored copy should start with SENDING_ARMED=false.")
        return asdict(done)
