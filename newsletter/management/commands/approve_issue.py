"""`approve_issue 2026-10 --by approver@example.org`: publish the draft through the workflow."""

from typing import Any

from django.core.management.base import CommandParser

from membership.addresses import normalise_address
from membership.models import User
from newsletter.approving import approve
from newsletter.management.operator import Error, IssueCommand


class Command(IssueCommand):
    help = "Approve an issue as a person with the right to do so, who is not its author."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--by", required=True, metavar="EMAIL", help="the approver's e-mail address")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        approver = User.objects.filter(email=normalise_address(options["by"])).first()
        if not approver:
            raise Error("Nobody with that address may approve: create the account in the admin first.")
        approve(issue, by=approver)
        self.say(f"Issue {issue.period} is approved.")
        return {"issue": issue.period, "approved": True}
