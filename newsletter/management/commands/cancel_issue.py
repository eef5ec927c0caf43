"""`cancel_issue 2026-10 --reason TEXT`: end the sending for good."""

from typing import Any

from newsletter.management.acts import ActCommand
from newsletter.steering import cancel


class Command(ActCommand):
    help = "Cancel the sending of an issue for good: whoever has not been mailed yet will not be."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        done = cancel(issue, by=self.actor(options), reason=options["reason"])
        self.say(f"Issue {issue.period} is cancelled: {done.skipped} deliveries will not be mailed.")
        if done.in_flight:
            self.say(f"{done.in_flight} are in a worker's hands and end by themselves.")
        return {"issue": issue.period, "state": "cancelled", "skipped": done.skipped, "in_flight": done.in_flight}
