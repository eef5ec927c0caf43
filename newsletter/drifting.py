"""What has happened to an issue's entries behind its back: since they were approved, and since they were compiled."""

from dataclasses import dataclass

from newsletter.compiling import draft_items
from newsletter.editions import IssueEditions
from newsletter.models import Approval, Issue, Item
from newsletter.wording import Wording, read_wordings

# What of an entry a reader would notice, in words.
NOTICED = {
    "title": "title",
    "summary": "summary",
    "date_line": "date",
    "slug": "address",
    "kind": "kind",
    "sectors": "sectors",
    "regions": "regions",
}


@dataclass(frozen=True)
class Drift:
    """An entry that is no longer what was approved; `changed` names what is different, empty if it is unpublished or
    private."""

    page: int
    title: str  # as it was approved
    changed: tuple[str, ...]

    @property
    def unpublished(self) -> bool:
        return not self.changed


@dataclass(frozen=True)
class Counts:
    """Items of an issue: carried, left out by hand, and how many of the carried are pinned."""

    carried: int
    left_out: int
    pinned: int


def drift(issue: Issue, approval: Approval) -> list[Drift]:
    """Entries of the approved version that have changed or gone since, in its order. A fixed number of queries."""
    today = IssueEditions(issue).pages
    found = []
    for page, words in read_wordings(approval).items():
        changed = _differences(words, today[page]) if page in today else ()
        if changed or page not in today:
            found.append(Drift(page, words.title, changed))
    return found


def count_items(issue: Issue) -> Counts:
    """Count the items: of a frozen or approved issue as they are published, else as the latest draft has them."""
    if issue.live and not issue.has_unpublished_changes:
        rows = [(item.left_out, item.pinned) for item in Item.objects.filter(issue=issue).only("left_out", "pinned")]
    else:
        rows = [(item.left_out, item.pinned) for item in draft_items(issue)]
    carried = [pinned for left_out, pinned in rows if not left_out]
    return Counts(len(carried), len(rows) - len(carried), sum(carried))


def _differences(then: Wording, now: Wording) -> tuple[str, ...]:
    return tuple(word for name, word in NOTICED.items() if getattr(then, name) != getattr(now, name))
