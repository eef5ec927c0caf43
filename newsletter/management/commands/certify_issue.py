"""`certify_issue 2026-10`: count the ledger and check its seal; exit 1 while something about it is amiss."""

import json
from typing import Any

from newsletter.certificate import Certificate, Seal, certify, list_unknown, verify
from newsletter.management.operator import Error, IssueCommand
from newsletter.management.tables import certificate_table, edition_counts_table, unknown_table
from newsletter.models import Delivery


class Command(IssueCommand):
    help = "Show the certificate of an issue: how every delivery ended, and whether the ledger is as it was sealed."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        if not issue.get_mailing():
            raise Error(f"The issue {issue.period} has not been frozen yet: send it first.")
        certificate, seal, unknown = certify(issue), verify(issue), list_unknown(issue)
        self.show(certificate_table(certificate))
        self.show(edition_counts_table(certificate))
        if unknown:
            self.show(unknown_table(unknown, certificate.states[Delivery.State.UNKNOWN]))
        self.say(f"{seal.verdict}\nDigest of the ledger: {seal.digest}")
        result = {
            **certificate.as_dict(),
            "unknown_deliveries": [one.delivery for one in unknown],
            "digest": seal.digest,
            "sealed": seal.sealed,
            "changed": seal.changed,
            "settled": len(seal.settled),
        }
        if trouble := _trouble(certificate, seal):
            if self.quiet:
                self.stdout.write(json.dumps(result))
            raise Error(f"Issue {issue.period}: {trouble}")
        return result


def _trouble(certificate: Certificate, seal: Seal) -> str:
    """What is amiss, the worst first; nothing when all is well."""
    if not certificate.balanced:
        return "the counts do not add up."
    if seal.sealed is False:
        return seal.verdict
    if unknown := certificate.states[Delivery.State.UNKNOWN]:
        return f"{unknown} deliveries need a decision (`decide`, docs/runbook.md)."
    return ""
