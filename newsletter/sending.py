"""Sending: open an approved issue for sending, and drain it here or in workers (`draining.py`)."""

import time
from dataclasses import replace

from django.utils import timezone
from wagtail.log_actions import log

from cms import arming
from newsletter import stopping
from newsletter.compiling import IssueError
from newsletter.draining import Drain, Progress, Sent
from newsletter.freezing import freeze
from newsletter.models import Issue, Mailing
from newsletter.providers import get_transport
from newsletter.recovery import recover_issue
from newsletter.transports.base import Transport


def start(issue: Issue, transport: Transport | None = None) -> Mailing:
    """Freeze the issue if that has not happened, and open it for sending.

    Raises IssueError (not armed, not approved, cancelled or paused) or TransportUnavailable, before anything is
    changed. An issue that is being sent, or has been, is left as it is.
    """
    if silent := arming.examine():
        raise IssueError(silent)
    mailing = issue.get_mailing()
    if mailing and mailing.state in {Mailing.State.PAUSED, Mailing.State.CANCELLED}:
        raise IssueError(f"The sending of {issue.period} is {mailing.state}: resume it before sending.")
    if not mailing or mailing.state != Mailing.State.FINISHED:
        own = transport or get_transport()
        own.check()
        if not transport:
            own.close()
    mailing = freeze(issue)
    started = Mailing.objects.filter(pk=issue.pk, state=Mailing.State.FROZEN).update(
        state=Mailing.State.SENDING, started_at=timezone.now()
    )
    if started:
        log(issue, "newsletter.send")
    mailing.refresh_from_db()
    return mailing


def drain(
    issue: Issue,
    *,
    transport: Transport | None = None,
    progress: Progress | None = None,
    seconds: float | None = None,
    patient: bool = False,
) -> Sent:
    """Send what can be claimed now, until nothing is left, `seconds` are over, or something stands in the way.

    Stops in good order when the process is asked to end (`stopping.py`). `patient`: see `Drain`.
    """
    if silent := arming.examine():
        return Sent(0, left=True, trouble=silent)
    own = transport or get_transport()
    try:
        with stopping.deferred():
            return Drain(issue, own, progress=progress, seconds=seconds, patient=patient).run()
    finally:
        if not transport:
            own.close()


def drain_to_the_end(issue: Issue, *, transport: Transport | None = None, progress: Progress | None = None) -> Sent:
    """Drain, and wait for what others hold or what waits to be retried, until the mailing is finished.

    Ends early when something stands in the way (nothing is lost: call it again) or the mailing is paused.
    """
    finished = 0
    while True:
        sent = drain(issue, transport=transport, progress=progress)
        finished += sent.finished
        mailing = Mailing.objects.get(pk=issue.pk)
        if sent.trouble or not sent.left or mailing.state != Mailing.State.SENDING:
            return replace(sent, finished=finished)
        time.sleep(1)
        recover_issue(issue.pk)
