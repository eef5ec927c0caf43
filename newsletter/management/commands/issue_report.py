"""`issue_report 2026-10`: what became of an issue, by edition and item."""

from typing import Any

from newsletter.management.operator import IssueCommand
from newsletter.management.tables import edition_table, item_table
from newsletter.reporting import report


class Command(IssueCommand):
    help = "Report on an issue: deliveries, provider events, opens and clicks among those who agreed."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        result = report(self.issue(options))
        self.show(edition_table(result))
        self.show(item_table(result))
        self.say(
            f"Opens are measured for {result.agreed_opens} and clicks for {result.agreed_clicks} members, "
            "who agreed to it. Counts below 10 people are not shown."
        )
        return result.as_dict()
