"""After an issue was sent: where its links lead, leading one elsewhere, and correcting an entry by mail."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods

from newsletter.compiling import IssueError
from newsletter.correcting import draft, received, sent_headlines, waiting_draft
from newsletter.desk.access import issue_context, issue_title, require_approver, staff, visible_issue
from newsletter.models import Delivery, EditionItem, Issue, Item, Link
from newsletter.numbering import addresses_in_mail
from newsletter.retargeting import LONGEST, Leads, retarget, where_they_lead

PAGE = "newsletter_links"
DEAD = (Leads.GONE, Leads.BROKEN)


@dataclass(frozen=True)
class Row:
    """One link of an issue."""

    link: Link
    title: str
    leads: Leads
    in_mail: str  # the address that stands in the mails, where it is another than it leads to today
    received: int  # mails that held its entry and were sent
    correctable: bool

    @property
    def dead(self) -> bool:
        return self.leads in DEAD


class RetargetForm(forms.Form):
    """Where a link is to lead from now on, and why. What may stand there is `retargeting.check_target`'s to say."""

    url = forms.CharField(
        label="New address",
        max_length=LONGEST,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text="Copy it from the browser’s address bar.",
    )
    reason = forms.CharField(label="Why", max_length=200, help_text="Kept with the issue.")


def links(request: HttpRequest, issue_id: int) -> HttpResponse:
    """Every link of an issue, those that lead nowhere first."""
    issue = visible_issue(request, issue_id)
    rows = sorted(_rows(issue), key=lambda row: not row.dead)
    corrections = Issue.objects.filter(corrects__issue=issue).select_related("mailing").order_by("period")
    context = {"rows": rows, "dead": sum(row.dead for row in rows), "corrections": corrections}
    return render(request, "newsletter/admin/links.html", issue_context(request, issue, PAGE, "Links") | context)


@require_http_methods(["GET", "HEAD", "POST"])
def lead_elsewhere(request: HttpRequest, issue_id: int, number: int) -> HttpResponse:
    """Say where a link is to lead from now on. It takes whoever may approve: no second person looks at it after."""
    issue = visible_issue(request, issue_id)
    require_approver(request, issue)
    link = get_object_or_404(_links(issue), number=number)
    form = RetargetForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            done = retarget(link, by=staff(request), **form.cleaned_data)
        except IssueError as error:
            form.add_error(None, str(error))
        else:
            plain = "" if done.redirected else " Whoever follows the plain address in the mail finds what is there now."
            messages.success(request, f"Link {number} leads to {done.new} now.{plain}")
            return redirect(PAGE, issue.pk)
    address = addresses_in_mail(issue.pk)[number]
    context = issue_context(request, issue, PAGE, f"Lead link {number} elsewhere") | {
        "form": form,
        "link": link,
        "in_mail": address,
        "entry_is_live": where_they_lead([address])[address] == Leads.LIVE,
        "title": _titles(issue, [link])[link.pk],
    }
    return render(request, "newsletter/admin/retarget.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest, issue_id: int, item_id: int) -> HttpResponse:
    """What a correction does and who gets it; the button makes its draft, or leads to the one that is waiting."""
    issue = visible_issue(request, issue_id)
    if issue.is_correction or not issue.permissions_for_user(request.user).may_shape():
        raise PermissionDenied
    item = get_object_or_404(Item.objects.select_related("issue", "page"), pk=item_id, links__issue=issue)
    if request.method == "POST":
        try:
            correction = draft(item, staff(request))
        except IssueError as error:
            messages.error(request, str(error))
            return redirect(PAGE, issue.pk)
        messages.success(request, "Write what was wrong into the introduction, then ask a colleague to approve it.")
        return redirect("wagtailadmin_pages:edit", correction.pk)
    context = issue_context(request, issue, PAGE, "Correct by mail") | {
        "item": item,
        "title": sent_headlines(issue, [item])[item.pk],
        "received": received(item),
        "waiting": waiting_draft(item),
        "others": Issue.objects.filter(corrects=item, mailing__isnull=False).select_related("mailing"),
        "original": issue_title(issue),
        "entry_is_live": bool(item.page and item.page.live),
    }
    return render(request, "newsletter/admin/correct.html", context)


def _links(issue: Issue) -> "QuerySet[Link]":
    return Link.objects.filter(issue=issue).select_related("item__page").order_by("number")


def _rows(issue: Issue) -> list[Row]:
    """A fixed number of queries, whatever the number of links."""
    links = list(_links(issue))
    leads = where_they_lead([link.url for link in links])
    in_mail, titles, mails = addresses_in_mail(issue.pk), _titles(issue, links), _received(links)
    return [
        Row(
            link=link,
            title=titles[link.pk],
            leads=leads[link.url],
            in_mail=in_mail[link.number] if in_mail[link.number] != link.url else "",
            received=mails.get(link.item_id or 0, 0),
            correctable=bool(mails.get(link.item_id or 0)) and not issue.is_correction,
        )
        for link in links
    ]


def _titles(issue: Issue, links: list[Link]) -> dict[int, str]:
    """What each link leads to, in words, by the link's id."""
    items = [link.item for link in links if link.item]
    headlines: dict[Any, str] = sent_headlines(issue, items)
    return {link.pk: headlines.get(link.item_id, "a link in the issue’s own text") for link in links}


def _received(links: list[Link]) -> dict[int, int]:
    """How many mails that held each item were sent, in two queries: whoever got it in two issues counts twice here."""
    items = [link.item_id for link in links if link.item_id]
    places = EditionItem.objects.filter(item__in=items, edition__issue__corrects=None)
    found = list(places.values_list("item", "edition", "edition__issue"))
    sent = Delivery.objects.filter(issue__in={issue for _, _, issue in found}, state=Delivery.State.SENT)
    by_edition = dict(sent.values_list("edition").annotate(Count("pk")).order_by())
    mails: dict[int, int] = {}
    for item, edition, _ in found:
        mails[item] = mails.get(item, 0) + by_edition.get(edition, 0)
    return mails


urlpatterns = [
    path("<int:issue_id>/links/", links, name=PAGE),
    path("<int:issue_id>/links/<int:number>/lead-elsewhere/", lead_elsewhere, name="newsletter_retarget"),
    path("<int:issue_id>/correct/<int:item_id>/", correct, name="newsletter_correct"),
]
