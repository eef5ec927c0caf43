"""Correcting: a mail to exactly those who received an entry that was wrong.

A correction is an issue of its own: drafted, approved by a second person, scheduled, frozen, sent and certified as any
other. It has no items; what it corrects is in `Issue.corrects`, and `recipients.py` says who gets it.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.text import Truncator
from wagtail.log_actions import log

from membership.models import User
from newsletter.compiling import IssueError, archive_page
from newsletter.models import Delivery, Issue, Item, Mailing
from newsletter.recipients import carriers
from newsletter.wording import approval_of, read_wordings

SUBJECT = 120  # characters of a subject, as of `Issue.subject`
UNDER_WAY = [Mailing.State.FROZEN, Mailing.State.SENDING, Mailing.State.PAUSED]


@dataclass(frozen=True)
class Received:
    """Who was sent an entry: members that the ledger still knows, mails whose person has been erased or forgotten with
    age, and deliveries of which nobody knows whether they arrived."""

    members: int
    gone: int
    unknown: int


def received(item: Item) -> Received:
    """Count who was sent an entry, in whichever issue, in one query."""
    sent = Q(edition__deliveries__state=Delivery.State.SENT)
    unknown = Q(edition__deliveries__state=Delivery.State.UNKNOWN)
    found = carriers([item.pk]).aggregate(
        members=Count("edition__deliveries__member", filter=sent, distinct=True),
        gone=Count("edition__deliveries", filter=sent & Q(edition__deliveries__member=None)),
        unknown=Count("edition__deliveries", filter=unknown),
    )
    return Received(**found)


def draft(item: Item, by: User) -> Issue:
    """Return the draft that corrects this item: the one that is waiting already, else a new one, as `by`.

    Raises IssueError when nobody received it.
    """
    with transaction.atomic():
        Issue.objects.select_for_update(of=("self",)).get(pk=item.issue_id)
        if waiting := waiting_draft(item):
            return waiting
        if not received(item).members:
            raise IssueError(
                "Nobody that we can still reach has received this entry: there is nobody to correct it to."
            )
        number, headline = _next_number(item.issue), sent_headlines(item.issue, [item])[item.pk]
        name = f"{item.issue.month}-c{number}"
        issue = Issue(
            title=f"Correction {number} of {item.issue.month.title}: {headline}"[:255],
            slug=name,
            period=name,
            corrects=item,
            subject=Truncator(f"Correction: {headline}").chars(SUBJECT),
            preheader=f"Something in our e-news of {item.issue.month.title} was wrong.",
            live=False,
            owner=by,
        )
        archive_page().add_child(instance=issue)
        issue.save_revision(user=by)
        for page in (item.issue, issue):
            log(page, "newsletter.correct", user=by, data={"correction": name, "headline": headline})
    return issue


def waiting_draft(item: Item) -> Issue | None:
    """The correction of this item that has not been frozen yet, if there is one."""
    return Issue.objects.filter(corrects=item, mailing=None).order_by("period").first()


def check_can_be_frozen(correction: Issue) -> None:
    """Raise IssueError while an issue that carries the entry may still reach somebody: they would never be told."""
    carrying = Issue.objects.monthly().filter(editions__places__item=correction.corrects_id)
    if issue := carrying.filter(mailing__state__in=UNDER_WAY).order_by("period").first():
        raise IssueError(
            f"The {issue.month.title} e-news, which carries the entry, is still to be sent to somebody: "
            f"the correction {correction.period} can go out once that is finished or cancelled."
        )
    unknown = Delivery.objects.filter(state=Delivery.State.UNKNOWN, issue=F("edition__issue"), member__isnull=False)
    found = unknown.filter(edition__places__item=correction.corrects_id).select_related("issue").first()
    if found:
        raise IssueError(
            f"Some deliveries of the {found.issue.month.title} e-news, which carries the entry, are unknown "
            "and may still be repeated: decide about them first, then send the correction."
        )


def sent_headlines(issue: Issue, items: list[Item]) -> dict[int, str]:
    """What each of these items was called in the mail, by the item's id, in one query. Give the items their pages."""
    approval = approval_of(issue)
    words = read_wordings(approval) if approval else {}

    def headline(item: Item) -> str:
        if item.headline or item.page_id is None:
            return item.headline or "an entry that has been deleted"
        return words[item.page_id].title if item.page_id in words else str(item)

    return {item.pk: headline(item) for item in items}


def _next_number(issue: Issue) -> int:
    names = Issue.objects.filter(period__startswith=f"{issue.month}-c").values_list("period", flat=True)
    return 1 + max((int(name.rpartition("-c")[2]) for name in names), default=0)
