"""`replay_erasures`: after restoring an older backup, erase, suppress and end again what was since."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from cms import arming
from newsletter.catching_up import catch_up
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
        arming.examine()  # a copy that was made by hand is known as one from here on
        caught_up = catch_up(path)
        arming.caught_up()
        done = caught_up.replayed
        self.say(
            f"{done.entries} entries read: {done.erased} accounts erased, {done.suppressed} addresses suppressed, "
            f"{done.ended} subscriptions ended, {done.forgotten} addresses taken out of what was offered and written."
        )
        if done.unreadable:
            self.say(f"{done.unreadable} lines could not be read: compare {path} with its own copy.")
        if done.refused:
            self.say(f"Accounts that could not be erased, to be looked at: {', '.join(map(str, done.refused))}.")
        for period, count in caught_up.doubted.items():
            self.say(f"Issue {period} is paused: {count:,} deliveries wait for `decide {period}`.")
        if caught_up.held:
            self.say(f"No longer sent by themselves: {', '.join(caught_up.held)}.")
        if not arming.silence():
            self.say("Sending is armed on this installation: should this be a copy, run `disarm_sending` first.")
        return asdict(done) | {"to_decide": caught_up.doubted, "held": caught_up.held}
