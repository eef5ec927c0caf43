"""Pre-flight: what is wrong with an issue before it goes out. Shown to the editor, enforced when it is approved.

Errors block. Warnings are acknowledged one by one, by the person who approves. What is looked at is in `inspections/`.
"""

from datetime import date

from newsletter.inspections import colours, entries, links, mail, opening, pictures, reach, restored, sender, words
from newsletter.inspections.draft import Draft
from newsletter.inspections.findings import Finding, Level
from newsletter.models import Issue

__all__ = ["Finding", "Level", "links_of_drafts", "links_to_check", "preflight"]

DRAFTS = 6  # the latest unsent issues whose links are followed: older ones were given up


def preflight(issue: Issue, day: date | None = None) -> list[Finding]:
    """Look through a draft, errors first. Nothing is fetched: what needs the network was looked up before.

    `day` is when the issue is likely to be read; unless it is given, the usual day of sending.
    """
    draft = Draft(issue, day)
    reached = reach.reach(draft)
    found = [
        *opening.look(draft),
        *entries.look(draft),
        *words.look(draft),
        *pictures.look(draft),
        *links.look(draft),
        *reach.look(draft, reached),
        *mail.look(draft, reached),
        *colours.look(),
        *sender.look(),
        *restored.look(draft),
    ]
    order = list(Level)
    return sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.level))


def links_to_check(issue: Issue) -> list[str]:
    """Every link out of our site that a reader of the latest draft may follow."""
    return links.links_of(Draft(issue.get_latest_revision_as_object()))


def links_of_drafts() -> list[str]:
    """The links of every issue that has not been frozen for sending."""
    drafts = Issue.objects.filter(mailing__isnull=True).order_by("-period")[:DRAFTS]
    return list(dict.fromkeys(url for issue in drafts for url in links_to_check(issue)))
