"""The pages that items lead to: whether readers may open them, and whether they are still of use on the day."""

from collections.abc import Iterator

from django.utils.formats import date_format
from wagtail.models import PageViewRestriction

from cms.groups import MEMBERS_GROUP
from cms.models import CaseStudy, Kind
from newsletter.inspections.draft import Carried, Draft
from newsletter.inspections.findings import Finding, Level
from newsletter.models import Item


def look(draft: Draft) -> Iterator[Finding]:
    if not draft.issue.is_correction and not draft.editions.items:
        sentence = f"The issue {draft.issue.period} has no items: compile it, or add some, before approving."
        yield Finding("empty", Level.ERROR, sentence)
    for one in draft.carried:
        yield from _gone(one)
        yield from _over(one, draft)
    yield from _private(draft)
    yield from _unchecked_case_studies(draft)
    yield from _not_in_this_draft(draft)


def _gone(one: Carried) -> Iterator[Finding]:
    if not one.entry:
        sentence = f"{one.name}: its entry has been deleted, so nobody gets the item. Take it out."
        yield one.finding("entry-deleted", Level.WARNING, sentence)
    elif not one.entry.live:
        never = "has not been published yet" if not one.entry.first_published_at else "has been unpublished"
        sentence = f"{one.name}: its entry {never}, so nobody gets the item. Publish the entry, or leave the item out."
        yield one.finding("entry-unpublished", Level.WARNING, sentence, entry=True)


def _over(one: Carried, draft: Draft) -> Iterator[Finding]:
    page = one.entry
    if not page or not page.live:
        return
    day = date_format(draft.day, "j F Y")
    if page.expires_on and page.expires_on < draft.day:
        ended = date_format(page.expires_on, "j F Y")
        what = {Kind.EVENT.value: "is over on", Kind.FUNDING.value: "closes on"}.get(page.kind, "ends on")
        sentence = f"{one.name} {what} {ended}, before the issue is sent ({day}): leave it out, or correct its date."
        yield one.finding("entry-over", Level.WARNING, sentence, entry=True)
    elif page.review_due < draft.day:
        due = date_format(page.review_due, "j F Y")
        sentence = f"{one.name} was to be checked again by {due}: check the entry and set a new date, or leave it out."
        yield one.finding("entry-stale", Level.WARNING, sentence, entry=True)


def _private(draft: Draft) -> Iterator[Finding]:
    """Entries that readers of the mail cannot open. Case studies are for members, and say so."""
    restrictions = list(PageViewRestriction.objects.select_related("page").prefetch_related("groups"))
    for one in draft.carried:
        if not one.entry or not one.entry.live:
            continue
        for restriction in restrictions:
            if not one.entry.path.startswith(restriction.page.path):
                continue
            members = any(group.name == MEMBERS_GROUP for group in restriction.groups.all())
            if one.entry.kind == Kind.CASE_STUDY and members:
                continue
            sentence = (
                f"{one.name} is private: not everybody who gets it could open it. Make it public, or leave it out."
            )
            yield one.finding("entry-private", Level.ERROR, sentence, entry=True)
            break


def _unchecked_case_studies(draft: Draft) -> Iterator[Finding]:
    studies = [one for one in draft.carried if one.entry and one.entry.kind == Kind.CASE_STUDY]
    ids = [one.entry.pk for one in studies if one.entry]
    checked = CaseStudy.objects.filter(anonymity_checked_by__isnull=False, anonymity_checked_on__isnull=False)
    known = set(checked.filter(pk__in=ids).values_list("pk", flat=True))
    for one in studies:
        if one.entry and one.entry.pk not in known:
            sentence = f"{one.name}: nobody has recorded its anonymity check. Do it, or leave the case study out."
            yield one.finding("case-study-unchecked", Level.ERROR, sentence, entry=True)


def _not_in_this_draft(draft: Draft) -> Iterator[Finding]:
    """Entries that were compiled into the issue and that this version lacks: it is carried by no other either."""
    if not draft.issue.pk:
        return
    here = {item.page_id for item in draft.issue.items.all()}
    compiled = Item.objects.filter(issue=draft.issue.pk, page__isnull=False, left_out=False).exclude(page__in=here)
    for item, title in compiled.order_by("pk").values_list("pk", "page__title"):
        sentence = (
            f"“{title}” was compiled into this issue, and this version lacks it. Add it again, or accept that no "
            "e-news carries it."
        )
        yield Finding("item-missing", Level.WARNING, sentence, f"item:{item}")
