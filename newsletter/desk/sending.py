"""How the sending of an issue is going: a page that follows it by itself, and what will happen before it begins."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone

from cms import arming
from cms.open_data import open_entries
from newsletter.desk.access import issue_context, may_approve, visible_issue
from newsletter.happenings import who_started
from newsletter.models import Delivery, Issue, Item, Link, Mailing, Schedule
from newsletter.reach import mailable
from newsletter.watching import Watch, watch
from newsletter.wording import approval_of

SECONDS = 2  # between two looks at what is being sent
PATIENT_SECONDS = 15  # and at what waits
FALLEN_NAMED = 20  # items that fell out, named one by one
WAITING = "waiting"  # the standing of an issue that has not been frozen
State = Delivery.State


def sending(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The page: figures that follow the sending by themselves, what happened, and what an approver may do."""
    issue = visible_issue(request, issue_id)
    context = issue_context(request, issue, "newsletter_sending", "Sending")
    mailing: Mailing | None = context["mailing"]
    context |= _figures(issue, mailing) | {"approval": approval_of(issue), "fallen": _fallen_out(issue, mailing)}
    if not mailing:
        context |= {"reached": mailable(issue) if issue.is_approved else 0}
    return render(request, "newsletter/admin/sending.html", context)


def figures(request: HttpRequest, issue_id: int) -> HttpResponse:
    """The part of the page that follows the sending, alone. Once the issue stands elsewhere, the page is loaded anew:
    then more has changed than figures."""
    issue = visible_issue(request, issue_id)
    mailing = issue.get_mailing()
    context = _figures(issue, mailing) | {"issue": issue, "mailing": mailing}
    context["may_approve"] = may_approve(request, issue)
    response = render(request, "newsletter/admin/sending_figures.html", context)
    if request.GET.get("standing") != context["standing"]:
        response["HX-Refresh"] = "true"
    return response


def _figures(issue: Issue, mailing: Mailing | None) -> dict[str, Any]:
    schedule = Schedule.objects.select_related("by").filter(pk=issue.pk).first()
    if not mailing:
        return {
            "standing": WAITING,
            "schedule": schedule,
            "due": bool(schedule and schedule.send_at <= timezone.now()),
            "disarmed": arming.silence(),
            "seconds": PATIENT_SECONDS if issue.is_approved else 0,
        }
    seen = watch(issue, mailing)
    return {
        "standing": mailing.state,
        "watch": seen,
        "states": _states(seen),
        "started_by": who_started(seen.happenings, schedule),
        "seconds": 0 if seen.over else SECONDS if seen.moving else PATIENT_SECONDS,
        "step": seen.percent // 10 * 10,  # what is read out to those who do not see the bar, and no more often
    }


def _states(seen: Watch) -> list[tuple[str, str, int]]:
    """Each state with its word and count; those in a worker's hands only while there are any."""
    passing = {State.CLAIMED, State.SENDING, State.RETRY_WAIT}
    counts = seen.count.states
    return [(one.value, one.label, counts[one]) for one in State if counts[one] or not (seen.over and one in passing)]


def _fallen_out(issue: Issue, mailing: Mailing | None) -> dict[str, Any]:
    """Items of the approved version whose entry has been unpublished, made private or deleted since: no edition
    carries them."""
    items = Item.objects.filter(issue=issue, left_out=False).select_related("page")
    if mailing:  # every item that any edition may carry was given a link
        items = items.exclude(pk__in=Link.objects.filter(issue=issue, item__isnull=False).values("item"))
    else:
        items = items.exclude(page__in=open_entries())
    named = list(items.order_by("sort_order", "pk")[: FALLEN_NAMED + 1]) if issue.is_approved else []
    count = len(named) if len(named) <= FALLEN_NAMED else items.count()
    return {"count": count, "named": named[:FALLEN_NAMED]}


urlpatterns = [
    path("<int:issue_id>/sending/", sending, name="newsletter_sending"),
    path("<int:issue_id>/sending/figures/", figures, name="newsletter_figures"),
]
