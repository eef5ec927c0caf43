"""Steering a mailing: pause, resume and cancel, each a conditional change of its state that workers see within a group.

Workers look at the state before every group (`ledger.mark_sending`), so what is being handed over ends by itself, and
nothing new is begun.
"""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Value, When
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from wagtail.log_actions import log

from membership.models import User
from newsletter import ledger
from newsletter.compiling import IssueError
from newsletter.models import Delivery, Issue, Mailing, Schedule
from newsletter.telling import tell

State = Mailing.State
logger = logging.getLogger(__name__)

# Why an act is refused, by the state it met.
STANDING = {
    State.FROZEN: "its sending has not been started",
    State.SENDING: "it is being sent",
    State.PAUSED: "it is paused already",
    State.CANCELLED: "its sending has been cancelled",
    State.FINISHED: "it has been sent",
}


@dataclass(frozen=True)
class Cancelled:
    """What cancelling did: deliveries that will not be mailed, and those in workers' hands, which end by themselves."""

    skipped: int
    in_flight: int


def pause(issue: Issue, *, by: User | None, reason: str) -> None:
    """Hold an issue that is being sent, or keep one that is frozen from being started. Nothing is lost.

    `by` None is whoever is at the console. Raises IssueError when the issue is in another state, or without a reason.
    """
    _hold(issue, "pause", State.PAUSED, (State.FROZEN, State.SENDING), by=by, reason=reason)
    # One that had not begun must not begin by itself when it is resumed after its moment.
    Schedule.objects.filter(pk=issue.pk, issue__mailing__started_at=None).delete()


def resume(issue: Issue, *, by: User | None) -> None:
    """Let a paused issue go on where it was held: being sent, or frozen and waiting to be started.

    Raises IssueError when it is not paused.
    """
    before = Case(When(started_at=None, then=Value(State.FROZEN.value)), default=Value(State.SENDING.value))
    with transaction.atomic():
        resumed = Mailing.objects.filter(pk=issue.pk, state=State.PAUSED).update(state=before, held_because="")
        if not resumed:
            raise _refusal(issue, "resume")
        log(issue, "newsletter.resume", user=by)


def cancel(issue: Issue, *, by: User | None, reason: str) -> Cancelled:
    """End an issue for good: whoever has not been mailed yet will not be, and the ledger says so.

    Deliveries in a worker's hands end by themselves; recovery sees to those that come back (`ledger.cancel`).
    Raises IssueError when it has been sent or cancelled already, or without a reason.
    """
    _hold(issue, "cancel", State.CANCELLED, (State.FROZEN, State.SENDING, State.PAUSED), by=by, reason=reason)
    skipped = ledger.cancel(issue=issue.pk)
    return Cancelled(skipped, Delivery.objects.filter(issue=issue).unfinished().count())


def pause_for_trouble(issue: Issue, reason: str) -> bool:
    """Hold an issue that is being sent because something is wrong, and mail whoever is to know.

    Returns whether this call paused it: of many workers that see the same trouble, one tells. Never raises over mail.
    """
    with transaction.atomic():
        if not _change(issue, State.PAUSED, (State.SENDING,), f"Paused by itself: {reason}"):
            return False
        log(issue, "newsletter.pause", data={"reason": reason})
    logger.error("issue %s was paused by itself: %s", issue.period, reason)
    _tell(issue, reason)
    return True


def _hold(issue: Issue, act: str, state: State, among: tuple[State, ...], *, by: User | None, reason: str) -> None:
    reason = " ".join(reason.split())
    if not reason:
        raise IssueError(f"Say why you {act} it: the reason is kept with the issue.")
    with transaction.atomic():
        who = str(by) if by else "the operator"
        if not _change(issue, state, among, f"{state.label} by {who}: {reason}"):
            raise _refusal(issue, act)
        log(issue, f"newsletter.{act}", user=by, data={"reason": reason})


def _change(issue: Issue, state: State, among: tuple[State, ...], because: str) -> bool:
    mailing = Mailing.objects.filter(pk=issue.pk, state__in=among)
    # One that was opened again after its end, and is paused now, has been sent all the same.
    ended = {"finished_at": timezone.now()} if state == State.CANCELLED else {}
    return bool(mailing.update(state=state, held_because=because[:300], **ended))


def _refusal(issue: Issue, act: str) -> IssueError:
    mailing = issue.get_mailing()
    why = STANDING[State(mailing.state)] if mailing else "it has not been frozen"
    return IssueError(f"You cannot {act} the issue {issue.period}: {why}.")


def _tell(issue: Issue, reason: str) -> None:
    certificate = settings.SITE_URL + reverse("newsletter_certificate", args=[issue.pk])
    text = render_to_string(
        "newsletter/email/trouble.txt", {"issue": issue, "reason": reason, "certificate": certificate}
    )
    tell(f"The {issue.month.title} e-news is paused", text)
