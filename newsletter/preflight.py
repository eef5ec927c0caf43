"""Pre-flight: what is wrong with an issue before it goes out. Shown to the editor, enforced when it is approved.

Errors block. Warnings are acknowledged one by one, by the person who approves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from newsletter.editions import IssueEditions
from newsletter.models import Issue
from newsletter.rendering import RenderError, render_edition


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"  # worth knowing, nothing to do


@dataclass(frozen=True)
class Finding:
    """One thing found. `code` names the check, `where` the thing it is about, such as `item:12`."""

    code: str
    level: Level
    sentence: str  # what is wrong and what to do about it
    where: str = ""
    item: int | None = None  # the item's id, for a link to it

    @property
    def key(self) -> str:
        """What an acknowledgement is of. It holds the sentence: a warning that has changed is a new one."""
        return f"{self.code}:{self.where}:{self.sentence}"


def preflight(issue: Issue) -> list[Finding]:
    """Look through a draft, errors first. Nothing is fetched: what needs the network was looked up before."""
    editions = IssueEditions(issue)
    found = [*_contents(issue, editions)]
    order = list(Level)
    return sorted(found, key=lambda finding: order.index(finding.level))


def _contents(issue: Issue, editions: IssueEditions) -> Iterator[Finding]:
    if not editions.items:
        sentence = f"The issue {issue.period} has no items: compile it, or add some, before approving."
        yield Finding("empty", Level.ERROR, sentence)
        return
    try:
        render_edition(editions.content(editions.general(editions.limit)))
    except (RenderError, ValueError) as error:
        yield Finding("unrenderable", Level.ERROR, str(error))
