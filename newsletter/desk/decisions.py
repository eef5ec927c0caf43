"""Deciding about deliveries of which nobody knows whether the provider took them: the list of issues that hold any, and
for each issue the deliveries, the choice, the reason, and a confirmation that names how many members it concerns.

Deliveries and members are named by their numbers, never by an address.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import path
from django.utils import timezone
from wagtail.permission_policies.pages import PagePermissionPolicy

from membership import staff as members
from newsletter.compiling import IssueError
from newsletter.deciding import Choice, decide
from newsletter.desk.access import issue_context, require_approver, staff, visible_issue
from newsletter.models import Delivery, ENewsPage, Issue, Mailing
from newsletter.tasks import send_issue
from newsletter.watching import forget

PER_PAGE = 50
LATEST = 100  # issues with unknown deliveries: eight years of them
VERBS = {Choice.TREAT_AS_SENT: "Treat as sent", Choice.SEND_AGAIN: "Send again"}
CONSEQUENCES = {
    Choice.TREAT_AS_SENT: "Nobody is mailed twice; whoever did not get it misses this issue.",
    Choice.SEND_AGAIN: "Nobody misses this issue; whoever did get it gets it twice.",
}


class DecisionForm(forms.Form):
    """What somebody decides, and about which deliveries: those of one page that are ticked, or all of them."""

    choice = forms.ChoiceField(
        choices=[(choice.value, verb) for choice, verb in VERBS.items()],
        widget=forms.RadioSelect,
        error_messages=dict.fromkeys(["required", "invalid_choice"], "Choose what is to happen with them."),
    )
    which = forms.ChoiceField(choices=[("some", "Those ticked above"), ("all", "All")], widget=forms.RadioSelect)
    deliveries = forms.TypedMultipleChoiceField(
        coerce=int, required=False, error_messages={"invalid_choice": "Tick at least one delivery of this issue."}
    )
    reason = forms.CharField(
        max_length=200, error_messages={"required": "Say why you decide so: the reason is kept with the issue."}
    )

    def __init__(self, *args: Any, listed: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deliveries"].choices = [(pk, pk) for pk in listed]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("which") == "some" and not data.get("deliveries") and "deliveries" not in self.errors:
            self.add_error("deliveries", "Tick at least one delivery, or choose all of them.")
        return data


@dataclass(frozen=True)
class Row:
    """An unknown delivery as it is listed."""

    delivery: int
    member: int | None
    edition: int | None
    handed_at: datetime | None
    provider: str
    reason: str


def unknown(request: HttpRequest) -> HttpResponse:
    """Every issue with unknown deliveries, for those who may approve issues."""
    allowed = PagePermissionPolicy().instances_user_has_permission_for(request.user, "publish")
    if not allowed.filter(pk__in=ENewsPage.objects.values("pk")).exists():
        raise PermissionDenied
    found = Delivery.objects.filter(state=Delivery.State.UNKNOWN, issue__in=allowed.values("pk"))
    counts = found.values("issue").annotate(count=Count("*"), oldest=Min("handed_at")).order_by("-issue__period")
    rows = list(counts[:LATEST])
    issues = Issue.objects.select_related("mailing").in_bulk([row["issue"] for row in rows])
    context = {"rows": [{**row, "issue": issues[row["issue"]]} for row in rows], "page_title": "Unknown deliveries"}
    return render(request, "newsletter/admin/unknown.html", context)


def decide_unknown(request: HttpRequest, issue_id: int) -> HttpResponse:
    """List an issue's unknown deliveries and take a decision: asked, shown once more with its number, then done."""
    issue = visible_issue(request, issue_id)
    require_approver(request, issue)
    if request.method != "POST":
        return _list(request, issue, None)
    form = DecisionForm(request.POST, listed=_listed(request, issue))
    if not form.is_valid():
        return _list(request, issue, form)
    # Of “all”, those that were unknown when the number was shown: what turns up later was not decided about.
    seen_at = _seen_at(request) or timezone.now()
    chosen = _chosen(issue, form.cleaned_data, seen_at)
    if "confirmed" in request.POST:
        return _do(request, issue, form.cleaned_data, list(chosen.values_list("pk", flat=True)))
    return _confirm(request, issue, form.cleaned_data, chosen, seen_at)


def _unknown(issue: Issue) -> QuerySet[Delivery]:
    return Delivery.objects.filter(issue=issue, state=Delivery.State.UNKNOWN).order_by("pk")


def _listed(request: HttpRequest, issue: Issue) -> list[int]:
    """The numbers among those posted, a page of them at most, that are deliveries of this issue."""
    posted = [int(one) for one in request.POST.getlist("deliveries")[:PER_PAGE] if one.isdecimal() and len(one) < 19]
    return list(Delivery.objects.filter(issue=issue, pk__in=posted).values_list("pk", flat=True))


def _chosen(issue: Issue, data: dict[str, Any], seen_at: datetime) -> QuerySet[Delivery]:
    if data["which"] == "some":
        return _unknown(issue).filter(pk__in=data["deliveries"])
    return _unknown(issue).filter(Q(finished_at__lte=seen_at) | Q(finished_at=None))


def _seen_at(request: HttpRequest) -> datetime | None:
    """When the number was shown; never later than now, whatever was posted."""
    try:
        seen_at = datetime.fromisoformat(request.POST.get("seen_at", ""))
    except ValueError:
        return None
    return min(seen_at, timezone.now()) if timezone.is_aware(seen_at) else None


def _list(request: HttpRequest, issue: Issue, form: DecisionForm | None) -> HttpResponse:
    paginator = Paginator(_unknown(issue), PER_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    fields = ("pk", "member_id", "edition__number", "handed_at", "provider", "reason")
    start = (page.number - 1) * PER_PAGE
    found = _unknown(issue).values_list(*fields)[start : start + PER_PAGE]
    context = issue_context(request, issue, "newsletter_sending", "Decide") | {
        "rows": [Row(*row) for row in found],
        "page": page,
        "count": paginator.count,
        "form": form,
        "ticked": set(form.data.getlist("deliveries")) if form else set(),  # type: ignore[attr-defined]
        "choices": _choices(issue),
        "sees_members": members.may(request.user, members.VIEW),
    }
    return render(request, "newsletter/admin/decide.html", context)


def _choices(issue: Issue) -> list[tuple[str, str, str]]:
    """What can be chosen, and what it brings. A cancelled issue is sent to nobody any more."""
    mailing = issue.get_mailing()
    cancelled = bool(mailing and mailing.state == Mailing.State.CANCELLED)
    offered = [choice for choice in Choice if not (cancelled and choice == Choice.SEND_AGAIN)]
    return [(choice.value, VERBS[choice], CONSEQUENCES[choice]) for choice in offered]


def _confirm(
    request: HttpRequest, issue: Issue, data: dict[str, Any], chosen: QuerySet[Delivery], seen_at: datetime
) -> HttpResponse:
    choice = Choice(data["choice"])
    found = chosen.aggregate(count=Count("*"), people=Count("member"))
    count = found["people"] if choice == Choice.SEND_AGAIN else found["count"]
    if not count:
        messages.error(request, f"There is nothing to decide any more: none of these can be {_past(choice)}.")
        return redirect("newsletter_decide", issue.pk)
    context = issue_context(request, issue, "newsletter_sending", "Confirm the decision") | {
        "data": data,
        "seen_at": seen_at.isoformat(),
        "count": count,
        "verb": VERBS[choice],
        "consequence": CONSEQUENCES[choice],
        "gone": found["count"] - count,
        "reopens": choice == Choice.SEND_AGAIN,
    }
    return render(request, "newsletter/admin/decide_confirm.html", context)


def _do(request: HttpRequest, issue: Issue, data: dict[str, Any], deliveries: list[int]) -> HttpResponse:
    choice = Choice(data["choice"])
    try:
        done = decide(issue, choice, reason=data["reason"], by=staff(request), deliveries=deliveries)
    except IssueError as error:
        messages.error(request, str(error))
        return redirect("newsletter_decide", issue.pk)
    if choice == Choice.SEND_AGAIN:  # the sweep finds them every minute in any case
        transaction.on_commit(partial(send_issue.delay, issue.pk), robust=True)
    will = "will be" if choice == Choice.SEND_AGAIN else "is" if done.count == 1 else "are"
    said = f"{intcomma(done.count)} {'delivery' if done.count == 1 else 'deliveries'} {will} {_past(choice)}."
    if done.gone:
        said += f" {done.gone} {pluralize(done.gone, 'was,were')} passed over: their member has gone."
    messages.success(request, said)
    forget(issue)
    left = _unknown(issue).exists()
    return redirect("newsletter_decide" if left else "newsletter_sending", issue.pk)


def _past(choice: Choice) -> str:
    return "treated as sent" if choice == Choice.TREAT_AS_SENT else "sent again"


urlpatterns = [
    path("unknown/", unknown, name="newsletter_unknown"),
    path("<int:issue_id>/decide/", decide_unknown, name="newsletter_decide"),
]
