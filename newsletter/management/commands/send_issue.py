"""`send_issue 2026-10 [--wait]`: freeze if need be, then send, here or by the workers."""

from typing import Any

from django.core.management.base import CommandParser

from newsletter.certificate import certify
from newsletter.management.operator import IssueCommand
from newsletter.management.tables import certificate_table
from newsletter.models import Delivery
from newsletter.sending import drain_to_the_end, start
from newsletter.tasks import send_issue


class Command(IssueCommand):
    help = "Send an approved issue. May be run again, or twice at once: nobody gets it twice."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--wait", action="store_true", help="send in this process, until everything has ended")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        start(issue)
        if options["wait"]:
            left = Delivery.objects.filter(issue=issue).unfinished().count()
            with self.progress(f"Sending {issue.period}", left) as advance:
                self.fail_if_stuck(drain_to_the_end(issue, progress=advance))
        else:
            # The sweep finds the work every minute in any case; this only saves the wait.
            send_issue.delay_on_commit(issue.pk)
            self.say(f"Issue {issue.period} is handed to the workers: follow it with `certify_issue {issue.period}`.")
        certificate = certify(issue)
        self.show(certificate_table(certificate))
        return certificate.as_dict()
