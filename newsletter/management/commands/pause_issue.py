"""`pause_issue 2026-10 --reason TEXT`: hold the sending; nothing is lost."""

from typing import Any

from newsletter.management.acts import ActCommand
from newsletter.steering import pause


class Command(ActCommand):
    help = "Pause the sending of an issue. What is being handed over at this moment is finished."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        pause(issue, by=self.actor(options), reason=options["reason"])
        self.say(f"Issue {issue.period} is paused: let it go on with `resume_issue {issue.period}`.")
        return {"issue": issue.period, "state": "paused"}
