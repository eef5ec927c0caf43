"""`approve_issue 2026-10 --by approver@example.org`: publish the draft through the workflow."""

from typing import Any

from django.core.management.base import CommandParser

from cms.addresses import normalise_address
from membership.models import User
from newsletter.approving import approve
from newsletter.management.operator import Error, IssueCommand
from newsletter.wording import approval_of


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
        issue = approve(issue, by=approver)
        approval = approval_of(issue)
        acknowledged = [one["sentence"] for one in approval.acknowledged] if approval else []
        self.say(f"Issue {issue.period} is approved.")
        if acknowledged:
            self.say("These warnings were taken responsibility for:")
        for sentence in acknowledged:
            self.say(f"- {sentence}")
        return {"issue": issue.period, "approved": True, "acknowledged": acknowledged}
