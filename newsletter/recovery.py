"""Recovery: lost work is found by reading the ledger again, never by trusting a queue."""

from dataclasses import asdict, dataclass

from django.db.models import Exists, OuterRef, Q

from newsletter import ledger
from newsletter.certificate import issue_certificate, issue_missing
from newsletter.models import Delivery, Issue, Mailing
from newsletter.repeating import reopen, waits
from newsletter.reported import settle_reported


@dataclass(frozen=True)
class Recovered:
    """What one sweep found: claims given back, sends called unknown, some of them settled by an earlier report,
    rows of a cancelled mailing ended, mailings reopened for a repeat under the key, retries woken, mailings closed,
    certificates that were missing."""

    claims: int = 0
    unknown: int = 0
    settled: int = 0
    cancelled: int = 0
    reopened: int = 0
    woken: int = 0
    finished: int = 0
    certified: int = 0

    def __add__(self, other: "Recovered") -> "Recovered":
        return Recovered(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


def recover() -> Recovered:
    """Sweep every mailing that has not come to its end. May run at any time, in several processes at once."""
    # One that has ended may hold unknown rows, and the report that settles them may have come before they were; one
    # that was cancelled may hold rows that a worker had in its hands.
    deliveries = Delivery.objects.filter(issue=OuterRef("pk"))
    loose = Exists(deliveries.filter(state__in=[*Delivery.UNFINISHED, Delivery.State.UNKNOWN]))
    begun = [Mailing.State.FROZEN, Mailing.State.SENDING, Mailing.State.PAUSED]
    open_mailings = Mailing.objects.filter(Q(state__in=begun) | loose).values_list("pk", flat=True)
    found = sum((recover_issue(pk) for pk in open_mailings), start=Recovered())
    return found + Recovered(certified=issue_missing())


def recover_issue(issue: int) -> Recovered:
    """Sweep one issue's ledger: a handful of indexed statements, whatever its size."""
    found = Recovered(
        claims=ledger.reap_claims(issue=issue),
        unknown=ledger.reap_sending(issue=issue),
        settled=settle_reported(issue),
        cancelled=ledger.cancel(issue=issue),
        woken=ledger.wake(issue=issue),
    )
    if waits(issue):  # for a repeat under the key: open it for a drain, and do not close it over that
        return found + Recovered(reopened=int(reopen(issue)))
    finished = ledger.finish_mailing(issue=issue)
    if finished:
        issue_certificate(Issue.objects.get(pk=issue))
    return found + Recovered(finished=int(finished))


def unfinished_issues() -> list[int]:
    """Issues that are being sent and still have rows to work on."""
    return list(Mailing.objects.filter(state=Mailing.State.SENDING).values_list("pk", flat=True))
