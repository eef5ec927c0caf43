"""Recovery: lost work is found by reading the ledger again, never by trusting a queue."""

from dataclasses import asdict, dataclass

from django.db.models import Exists, OuterRef, Q

from newsletter import ledger
from newsletter.models import Delivery, Mailing
from newsletter.tracking import settle_reported


@dataclass(frozen=True)
class Recovered:
    """What one sweep found: claims given back, sends called unknown, some of them settled by an earlier report,
    retries woken, mailings closed."""

    claims: int = 0
    unknown: int = 0
    settled: int = 0
    woken: int = 0
    finished: int = 0

    def __add__(self, other: "Recovered") -> "Recovered":
        return Recovered(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


def recover() -> Recovered:
    """Sweep every mailing that has not come to its end. May run at any time, in several processes at once."""
    # A finished mailing may hold unknown rows, and the report that settles them may have come before they were.
    unknown = Delivery.objects.filter(issue=OuterRef("pk"), state=Delivery.State.UNKNOWN)
    open_mailings = Mailing.objects.filter(~Q(state=Mailing.State.FINISHED) | Exists(unknown)).values_list(
        "pk", flat=True
    )
    return sum((recover_issue(pk) for pk in open_mailings), start=Recovered())


def recover_issue(issue: int) -> Recovered:
    """Sweep one issue's ledger: four or five indexed statements, whatever its size."""
    return Recovered(
        claims=ledger.reap_claims(issue=issue),
        unknown=ledger.reap_sending(issue=issue),
        settled=settle_reported(issue),
        woken=ledger.wake(issue=issue),
        finished=int(ledger.finish_mailing(issue=issue)),
    )


def unfinished_issues() -> list[int]:
    """Issues that are being sent and still have rows to work on."""
    return list(Mailing.objects.filter(state=Mailing.State.SENDING).values_list("pk", flat=True))
