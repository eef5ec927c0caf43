"""`resume_issue 2026-10`: let a paused issue go on."""

from typing import Any

from newsletter.management.acts import ActCommand
from newsletter.models import Mailing
from newsletter.steering import resume
from newsletter.tasks import send_issue


class Command(ActCommand):
    help = "Let a paused issue go on where it was held."
    needs_reason = False

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        resume(issue, by=self.actor(options))
        state = Mailing.objects.get(pk=issue.pk).state
        if state == Mailing.State.FROZEN:
            self.say(f"Issue {issue.period} was not started before: send it with `send_issue {issue.period}`.")
        else:
            # The sweep finds the work every minute in any case; this only saves the wait.
            send_issue.delay_on_commit(issue.pk)
            self.say(f"Issue {issue.period} is being sent again by the workers.")
        return {"issue": issue.period, "state": state}
