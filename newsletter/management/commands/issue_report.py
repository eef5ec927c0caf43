"""`issue_report 2026-10`: what became of an issue, by edition and item."""

from dataclasses import asdict
from typing import Any

from newsletter.adding_up import add_up
from newsletter.certificate import Certificate, certify
from newsletter.management.operator import IssueCommand
from newsletter.management.tables import edition_table, item_table
from newsletter.reporting import IssueReport, report


class Command(IssueCommand):
    help = "Report on an issue: deliveries, provider events, opens and clicks among those who agreed."

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        issue = self.issue(options)
        if issue.get_mailing():
            add_up(issue.pk)
        found, certificate = report(issue), certify(issue)
        self.show(edition_table(found))
        self.show(item_table(found))
        whole = found.whole
        self.say(
            f"Opens are measured for {_words(whole.agreed_opens)} and clicks for {_words(whole.agreed_clicks)} "
            "members, who agreed to it. Counts below 10 people are not shown."
        )
        return as_json(found, certificate)


def as_json(found: IssueReport, certificate: Certificate) -> dict[str, Any]:
    """The report for other programs; counts of people under ten are null. “opens” and “clicks” hold machines too; by
    verdict they are in “figures”. How many were frozen is the ledger's, as on the certificate."""
    whole = found.whole
    frozen = {edition.number: edition.total for edition in certificate.editions}
    lists = {name: [asdict(line) for line in getattr(found, name)] for name in ("sectors", "regions", "kinds", "days")}
    return {
        "issue": found.issue,
        "certificate": certificate.as_dict(),
        "provider_events": {name: getattr(whole, name) for name in ("delivered", "bounced", "complained")},
        "agreed_opens": whole.agreed_opens,
        "agreed_clicks": whole.agreed_clicks,
        "opens": whole.openers.raw,
        "clicks": whole.clickers.raw,
        "editions": [
            {
                **asdict(line),
                "frozen": frozen.get(line.number, 0),
                "sent": line.figures.sent,
                "opens": line.figures.openers.raw,
                "clicks": line.figures.clickers.raw,
            }
            for line in found.editions
        ],
        "items": [
            {
                **asdict(line),
                "title": line.label,
                "sent": line.figures.sent,
                "clicks": line.figures.clickers.raw,
            }
            for line in found.items
        ],
        "counted_at": found.counted_at.isoformat() if found.counted_at else None,
        "closed": found.closed,
        "left": whole.departed,
        "followed": found.followed,
        "figures": asdict(whole),
        **lists,
    }


def _words(people: int | None) -> str:
    return "fewer than 10" if people is None else f"{people:,}"
