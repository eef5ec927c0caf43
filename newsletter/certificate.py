"""The certificate: the count of deliveries by state, which always adds up to the number frozen."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from newsletter.models import Delivery, Issue


@dataclass(frozen=True)
class Certificate:
    issue: str
    frozen: int
    states: dict[str, int]
    skipped_because: dict[str, int]

    @property
    def balanced(self) -> bool:
        return sum(self.states.values()) == self.frozen

    @property
    def proved(self) -> bool:
        """It adds up, nothing is unknown and nothing is left to do: everybody has a named end."""
        open_states = (*Delivery.UNFINISHED, Delivery.State.UNKNOWN)
        return self.balanced and not any(self.states[state] for state in open_states)

    def as_dict(self) -> dict[str, Any]:
        """The keys that other programs rely on (design.md), and the reasons for skipping."""
        return {
            "issue": self.issue,
            "frozen": self.frozen,
            **self.states,
            "balanced": self.balanced,
            "skipped_because": self.skipped_because,
        }


def certify(issue: Issue) -> Certificate:
    """Count the ledger of an issue, in three queries. An issue that was never frozen counts nothing."""
    mailing = issue.get_mailing()
    deliveries = Delivery.objects.filter(issue=issue)
    skipped = deliveries.filter(state=Delivery.State.SKIPPED)
    return Certificate(
        issue=issue.period,
        frozen=mailing.frozen if mailing else 0,
        states=deliveries.by_state(),
        skipped_because=dict(skipped.values_list("reason").annotate(Count("pk")).order_by("reason")),
    )
