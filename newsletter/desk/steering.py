"""Steering from the desk: pause, resume, cancel, send now. Each is asked for on a page that says what it does to how
many members, and done by POST only."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from wagtail.log_actions import log

from cms import arming
from membership.models import User
from newsletter.compiling import IssueError
from newsletter.desk.access import issue_context, require_approver, staff, visible_issue
from newsletter.models import Issue, Mailing
from newsletter.reach import mailable
from newsletter.scheduling import schedule
from newsletter.sending import start
from newsletter.steering import STANDING, cancel, pause, resume
from newsletter.tasks import send_issue
from newsletter.transports.base import TransportUnavailable
from newsletter.watching import Count, count, forget

State = Mailing.State
REFUSED = (IssueError, TransportUnavailable, ImproperlyConfigured)


@dataclass(frozen=True)
class Act:
    """One way to steer: its words, in which states it can be done, and how."""

    name: str
    verb: str  # on the button
    among: tuple[State, ...]
    do: Callable[[Issue, User, str], str]  # returns what is said afterwards
    consequence: Callable[[Issue, Mailing | None], list[str]]
    needs_reason: bool = True
    serious: bool = False


def steer(request: HttpRequest, issue_id: int, act: Act) -> HttpResponse:
    """Ask first, and do it when it is confirmed. Whatever stands in the way is said on the page of the sending."""
    issue = visible_issue(request, issue_id)
    require_approver(request, issue)
    reason = " ".join(request.POST.get("reason", "").split())
    if request.method == "POST" and (reason or not act.needs_reason):
        return _do(request, issue, act, reason)
    mailing = issue.get_mailing()
    if why := _refusal(act, issue, mailing):
        messages.error(request, why)
        return redirect("newsletter_sending", issue.pk)
    context = issue_context(request, issue, "newsletter_sending", act.verb)
    context |= {"act": act, "consequences": act.consequence(issue, mailing), "no_reason": request.method == "POST"}
    return render(request, "newsletter/admin/steer.html", context)


def _do(request: HttpRequest, issue: Issue, act: Act, reason: str) -> HttpResponse:
    try:
        messages.success(request, act.do(issue, staff(request), reason))
    except REFUSED as error:
        messages.error(request, str(error))
    forget(issue)
    return redirect("newsletter_sending", issue.pk)


def _refusal(act: Act, issue: Issue, mailing: Mailing | None) -> str:
    """Why an act makes no sense now, said before anybody fills in a reason. The act itself checks again."""
    if act.name == "send_now" and (silent := arming.silence()):
        return silent
    if not mailing:
        if act.name != "send_now":
            return f"You cannot {act.name} the issue {issue.period}: its sending has not begun."
        return "" if issue.is_approved else f"The issue {issue.period} is not approved: approve it before sending."
    standing = State(mailing.state)
    return "" if standing in act.among else f"You cannot {_words(act)} the issue {issue.period}: {STANDING[standing]}."


def _words(act: Act) -> str:
    return act.name.replace("_now", "")


def _members(number: int, verb: str = "") -> str:
    """“1 member has”, “1,204 members have”."""
    one, many = verb.split(",") if verb else ("", "")
    return f"{intcomma(number)} member{pluralize(number)} {one if number == 1 else many}".strip()


def _has_it(now: Count) -> str:
    return f"{_members(now.states['sent'], 'has,have')} it"


def _doubtful(now: Count) -> list[str]:
    found = []
    if now.in_hand:
        found.append(f"{_members(now.in_hand)} in a worker’s hands now may still get it: that ends by itself.")
    if unknown := now.states["unknown"]:
        found.append(f"Of {_members(unknown)} nobody knows whether they have it: somebody still has to decide.")
    return found


def _pausing(issue: Issue, mailing: Mailing | None) -> list[str]:
    now = count(issue)
    return [
        f"{_has_it(now)}, {_members(now.waiting, 'waits,wait')} and will be mailed once somebody resumes it.",
        *_doubtful(now),
        "Nothing is lost, and nobody is mailed twice.",
    ]


def _resuming(issue: Issue, mailing: Mailing | None) -> list[str]:
    now = count(issue)
    if mailing and not mailing.started_at:
        return [f"It was paused before it was started: {_members(now.waiting, 'waits,wait')} until somebody sends it."]
    return [f"{_has_it(now)}. {_members(now.waiting, 'has,have')} not been mailed yet and will be, from now on."]


def _cancelling(issue: Issue, mailing: Mailing | None) -> list[str]:
    now = count(issue)
    return [
        f"{_has_it(now)}: what was sent cannot be taken back. "
        f"{_members(now.waiting, 'has,have')} not been mailed yet and will not be.",
        *_doubtful(now),
        "This is for good: an issue that was cancelled cannot be sent again.",
    ]


def _starting(issue: Issue, mailing: Mailing | None) -> list[str]:
    if mailing:
        waiting = count(issue).waiting
        return [f"Who gets what was fixed when it was frozen: {_members(waiting, 'is,are')} mailed from now on."]
    who = "who received what it corrects" if issue.is_correction else "who get the e-news today"
    return [
        f"It is mailed to at most {_members(mailable(issue))} {who}. Those for whom it holds nothing are left out.",
        "It starts within a minute, when the service next looks at the clock. Until then the time can be changed.",
    ]


def _pause(issue: Issue, by: User, reason: str) -> str:
    pause(issue, by=by, reason=reason)
    return "The sending is paused. What is being handed over at this moment ends by itself."


def _resume(issue: Issue, by: User, reason: str) -> str:
    resume(issue, by=by)
    if Mailing.objects.filter(pk=issue.pk, state=State.FROZEN).exists():
        return "It is no longer paused. It had not been started: send it when you are ready."
    _wake_workers(issue)
    return "The sending goes on."


def _cancel(issue: Issue, by: User, reason: str) -> str:
    done = cancel(issue, by=by, reason=reason)
    more = f" {intcomma(done.in_flight)} in a worker’s hands end by themselves." if done.in_flight else ""
    return f"The sending is cancelled: {_members(done.skipped)} will not be mailed.{more}"


def _send_now(issue: Issue, by: User, reason: str) -> str:
    """The scheduler starts it, so that freezing a great issue keeps nobody waiting. What is frozen is only opened."""
    mailing = issue.get_mailing()
    if not mailing:
        if silent := arming.silence():
            raise IssueError(silent)
        schedule(issue, timezone.now(), by=by)
        return "It starts within a minute: this page follows it by itself."
    if mailing.state != State.FROZEN:
        raise IssueError(f"You cannot send the issue {issue.period}: {STANDING[State(mailing.state)]}.")
    start(issue)
    log(issue, "newsletter.send_now", user=by)
    _wake_workers(issue)
    return "It is being sent."


def _wake_workers(issue: Issue) -> None:
    """The sweep finds the work every minute in any case; this only saves the wait, so it may fail."""
    transaction.on_commit(partial(send_issue.delay, issue.pk), robust=True)


UNDER_WAY = (State.FROZEN, State.SENDING)
ACTS = [
    Act("pause", "Pause the sending", UNDER_WAY, _pause, _pausing),
    Act("resume", "Resume the sending", (State.PAUSED,), _resume, _resuming, needs_reason=False),
    Act("cancel", "Cancel the sending", (*UNDER_WAY, State.PAUSED), _cancel, _cancelling, serious=True),
    Act("send_now", "Send it now", (State.FROZEN,), _send_now, _starting, needs_reason=False),
]
urlpatterns = [
    path(
        f"<int:issue_id>/sending/{act.name.replace('_', '-')}/",
        require_http_methods(["GET", "POST"])(steer),
        {"act": act},
        name=f"newsletter_{act.name}",
    )
    for act in ACTS
]
