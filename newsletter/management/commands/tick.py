"""`tick`: do what is due, as the scheduler does every minute."""

from dataclasses import asdict
from typing import Any

from newsletter import adding_up, daily
from newsletter.management.operator import OperatorCommand
from newsletter.ticking import run_due


class Command(OperatorCommand):
    help = "Do what is due now: compile last month's issue once its day has come, recover lost work, totals, retention."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        ticked = asdict(run_due())
        ticked["counted"] = len(adding_up.add_up_stale())
        ticked["daily"] = asdict(daily.run()) if daily.is_due() else None
        self.say(f"Compiled: {ticked['compiled'] or 'nothing was due'}.")
        if ticked["daily"]:
            self.say(f"The day's work is {'not finished' if ticked['daily']['left'] else 'done'}.")
        return ticked
