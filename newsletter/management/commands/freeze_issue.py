"""`freeze_issue 2026-10`: fix editions and recipients, before anything is sent."""

from typing import Any

from newsletter.freezing import freeze
from newsletter.management.operator import IssueCommand


class Command(IssueCommand):
    help = "Freeze an approved issue: its editions and its recipients are fixed."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        mailing = freeze(issue)
        editions = issue.editions.count()
        self.say(f"Issue {issue.period}: {mailing.frozen} deliveries in {editions} editions are frozen.")
        return {"issue": issue.period, "frozen": mailing.frozen, "editions": editions}
