"""`certify_issue 2026-10`: count the ledger; exit 1 while it does not add up or anything is unknown."""

import json
from typing import Any

from newsletter.certificate import certify
from newsletter.management.operator import Error, IssueCommand
from newsletter.management.tables import certificate_table
from newsletter.models import Delivery


class Command(IssueCommand):
    help = "Show the certificate of an issue: how every delivery ended."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        if not issue.get_mailing():
            raise Error(f"The issue {issue.period} has not been frozen yet: send it first.")
        certificate = certify(issue)
        self.show(certificate_table(certificate))
        unknown = certificate.states[Delivery.State.UNKNOWN]
        if not certificate.balanced or unknown:
            if self.quiet:
                self.stdout.write(json.dumps(certificate.as_dict()))
            trouble = f"{unknown} deliveries need a decision" if unknown else "the counts do not add up"
            raise Error(f"Issue {issue.period}: {trouble}.")
        return certificate.as_dict()
