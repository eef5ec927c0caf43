"""`tick`: do what is due, as the scheduler does every minute."""

from dataclasses import asdict
from typing import Any

from newsletter import adding_up, daily
from newsletter.management.operator import Error, OperatorCommand
from newsletter.ticking import Parts, run_due


class Command(OperatorCommand):
    help = "Do what is due now: compile last month's issue once its day has come, recover lost work, totals, retention."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        parts = Parts()
        ticked = asdict(run_due(parts))
        ticked["counted"] = parts.do("totals", lambda: len(adding_up.add_up_stale()), 0)
        day = parts.do("the day's work", lambda: daily.run() if daily.is_due() else None, None)
        ticked["daily"] = asdict(day) if day else None
        self.say(f"Compiled: {ticked['compiled'] or 'nothing was due'}.")
        if ticked["daily"]:
            self.say(f"The day's work is {'not finished' if ticked['daily']['left'] else 'done'}.")
        if parts.failed:
            raise Error(f"These parts failed: {', '.join(parts.failed)}. The log says why; the others were done.")
        return ticked
