"""The certificate of an issue on the screen and on paper: how every delivery ended, whether the ledger is as it was
sealed, who approved it, and what was done while it was sent."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone

from newsletter.certificate import LISTED, EditionCount, certify, list_unknown, verify
from newsletter.desk.access import issue_context, visible_issue
from newsletter.happenings import happenings, who_started
from newsletter.models import Approval, Delivery, Issue, Mailing, Schedule

EDITIONS = 300  # rows of the table; the others are added up in one
State = Delivery.State


def issue_certificate(request: HttpRequest, issue_id: int) -> HttpResponse:
    """How every delivery of an issue ended, by state and edition, and whether the ledger is as it was sealed."""
    issue = visible_issue(request, issue_id)
    context = issue_context(request, issue, "newsletter_certificate", "Certificate")
    mailing: Mailing | None = context["mailing"]
    certified = _certified(issue, mailing) if mailing else {}
    return render(request, "newsletter/admin/certificate.html", context | certified)


def _certified(issue: Issue, mailing: Mailing) -> dict[str, Any]:
    certificate, seal = certify(issue), verify(issue)
    states = certificate.states
    used = [state for state in State if states[state]]
    listed, rest = certificate.editions[:EDITIONS], certificate.editions[EDITIONS:]
    if rest:
        listed = [*listed, _together(rest)]
    happened = happenings(issue)
    approval = Approval.objects.filter(issue=issue, revision=mailing.revision_id).select_related("by")
    return {
        "certificate": certificate,
        "seal": seal,
        "settled": seal.settled[:LISTED],
        "unknown": list_unknown(issue),
        "unknown_count": states[State.UNKNOWN],
        "listed": LISTED,
        "rows": [(one.label, states[one], _share(states[one], certificate.frozen)) for one in State],
        "columns": [state.label for state in used],
        "editions": [(one, [one.states[state] for state in used]) for one in listed],
        "totals": [states[state] for state in used],
        "approval": approval.order_by("-at", "-pk").first() if mailing.revision_id else None,
        "happenings": happened,
        "started_by": who_started(happened, Schedule.objects.select_related("by").filter(pk=issue.pk).first()),
        "printed_at": timezone.now(),
    }


def _together(editions: list[EditionCount]) -> EditionCount:
    states = {state.value: sum(one.states[state.value] for one in editions) for state in State}
    return EditionCount(None, f"{len(editions):,} more, together", states)


def _share(count: int, total: int) -> str:
    """Percent, as the width of a bar."""
    return f"{min(100, 100 * count / total):.2f}" if total else "0"


urlpatterns = [
    path("<int:issue_id>/certificate/", issue_certificate, name="newsletter_certificate"),
]
