"""`tick`: do what is due, as the scheduler does every minute."""

from dataclasses import asdict
from typing import Any

from newsletter.management.operator import OperatorCommand
from newsletter.ticking import run_due


class Command(OperatorCommand):
    help = "Do what is due now: compile last month's issue once its day has come, and recover lost work."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        ticked = asdict(run_due())
        self.say(f"Compiled: {ticked['compiled'] or 'nothing was due'}.")
        return ticked
