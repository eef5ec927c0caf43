"""Deciding: an operator's audited choice about deliveries that nobody can prove either way.

The ledger never settles an unknown delivery by itself; a person may, who then answers for it by name and reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from wagtail.log_actions import log

from membership.models import User
from newsletter import ledger
from newsletter.certificate import LISTED
from newsletter.compiling import IssueError
from newsletter.models import Delivery, Issue, Mailing

AT_ONCE = 1000  # deliveries settled in one statement


class Choice(StrEnum):
    TREAT_AS_SENT = "treat-as-sent"  # nobody is mailed again; somebody may have missed this issue
    SEND_AGAIN = "send-again"  # nobody misses this issue; somebody may get it twice


@dataclass(frozen=True)
class Decided:
    """How many deliveries were decided, and how many unknown ones were passed over because their member has gone."""

    count: int
    gone: int


@transaction.atomic
def decide(
    issue: Issue, choice: Choice, *, reason: str, by: User | None = None, deliveries: Sequence[int] | None = None
) -> Decided:
    """Settle unknown deliveries of an issue: all of them, or those of `deliveries` that are unknown.

    To send again opens a finished mailing again; it passes over people who were erased since. Raises IssueError when
    there is nothing to decide, no reason, or the mailing was cancelled and something were to be sent.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise IssueError("Say why you decide so: the reason is kept with the issue.")
    mailing = Mailing.objects.select_for_update().filter(pk=issue.pk).first()
    if choice == Choice.SEND_AGAIN and mailing and mailing.state == Mailing.State.CANCELLED:
        raise IssueError(
            f"The sending of {issue.period} has been cancelled: its deliveries can be treated as sent only."
        )
    found = _unknown(issue, deliveries)
    if choice == Choice.SEND_AGAIN:
        chosen = [pk for pk, member in found if member]
        if not chosen and found:
            raise IssueError("Those deliveries have no member any more: they can be treated as sent only.")
    else:
        chosen = [pk for pk, _ in found]
    if not chosen:
        raise IssueError(f"Nothing to decide: none of these deliveries of {issue.period} is unknown.")
    for some in _slices(chosen):
        if choice == Choice.SEND_AGAIN:
            ledger.send_again(issue=issue.pk, deliveries=some)
        else:
            ledger.treat_as_sent(deliveries=some, reason=reason)
    if choice == Choice.SEND_AGAIN:
        finished = Mailing.objects.filter(pk=issue.pk, state=Mailing.State.FINISHED)
        finished.update(state=Mailing.State.SENDING)
    what = {"choice": choice.value, "reason": reason, "count": len(chosen), "deliveries": chosen[:LISTED]}
    log(issue, "newsletter.decide", user=by, data=what)
    return Decided(len(chosen), gone=len(found) - len(chosen))


def _unknown(issue: Issue, deliveries: Sequence[int] | None) -> list[tuple[int, int | None]]:
    """Ids and members of what is to be decided, held until that has happened: no report may settle it meanwhile."""
    unknown = Delivery.objects.select_for_update().filter(issue=issue, state=Delivery.State.UNKNOWN)
    named = [unknown] if deliveries is None else [unknown.filter(pk__in=some) for some in _slices(sorted(deliveries))]
    return [row for rows in named for row in rows.order_by("pk").values_list("pk", "member_id")]


def _slices(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    return (pks[start : start + AT_ONCE] for start in range(0, len(pks), AT_ONCE))
