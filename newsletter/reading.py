"""What one reader gets: the one way from an issue to a finished mail for looking at, which every preview takes.

Before an issue is frozen the edition rule is asked; afterwards what was stored is shown, word for word. Nothing here
decides anything: the rule is `choosing.py`, the words are `rendering.py`, the greeting is `skeletons.py`.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format

from cms.models import Kind
from membership.audiences import audience_of
from membership.models import Audience, Member, Subscription, Suppression
from newsletter.choosing import Choice
from newsletter.content import ItemContent
from newsletter.editions import IssueEditions
from newsletter.models import Delivery, Edition, EditionAudience, EditionItem, Issue
from newsletter.rendering import GREETING_SLOT, TOKEN_SLOT, Rendered, render_edition
from newsletter.skeletons import Altered, Variant, Workshop, greeting_for

PREVIEW_TOKEN = "preview"  # noqa: S105  too short for a token of ours: its addresses lead to a page that changes nothing
NO_AUDIENCE = "Everything, for nobody in particular"
NOBODY = "nobody@example.org"  # stands in To while a stored mail is looked at
State = Subscription.State


@dataclass(frozen=True)
class Listed:
    """One item of a mail in the list beside it: what it is, and why this reader gets it."""

    kind_label: str
    headline: str
    audience_label: str = ""  # "For: Health · North East"
    reason_line: str = ""  # "From your saved search: visits, London"


@dataclass(frozen=True)
class Reading:
    """What a reader gets. Either `rendered`, with nothing left to fill in, or `why_not`: one sentence."""

    audience: str  # in words
    rendered: Rendered | None = None
    items: Sequence[Listed] = ()
    more: int = 0  # items cut: "n more on the website"
    why_not: str = ""
    edition: Edition | None = None  # the frozen one that this is
    delivery: Delivery | None = None  # the member's row in the ledger


def everything(sectors: Iterable[int], region: int | None, *, quarterly: bool = False) -> Audience:
    """An audience, not saved, of those who chose these sectors, this region and every kind."""
    return Audience(key=Audience.make_key(sectors=sectors, region=region, kinds=Kind.values, quarterly=quarterly))


def choice_for(editions: IssueEditions, audience: Audience | None) -> Choice:
    """What an audience gets; for none, as many of all items as a mail holds."""
    return editions.choose(audience) if audience else editions.general(editions.limit)


def label_for(editions: IssueEditions, audience: Audience | None) -> str:
    """The audience in words."""
    if editions.issue.is_correction:
        return "Whoever received what this corrects"
    return editions.label(audience) if audience else NO_AUDIENCE


def read(editions: IssueEditions, audience: Audience | None = None, *, first_name: str = "") -> Reading:
    """The mail an audience would get from these editions, were they frozen now."""
    choice, label = choice_for(editions, audience), label_for(editions, audience)
    if audience and not choice.items and not editions.issue.is_correction:
        return Reading(label, why_not=_nothing(editions.issue, audience))
    try:
        content = editions.content(choice)
        rendered = filled(render_edition(content), first_name)
    except ValueError as error:  # RenderError, or a subject that no header can carry
        return Reading(label, why_not=str(error))
    by_number = {item.number: item for item in content.items}
    return Reading(label, rendered, [_listed(by_number[place]) for place in choice.items], choice.more)


def read_frozen(editions: IssueEditions, audience: Audience | None) -> Reading:
    """The edition that was made for an audience; if nobody had chosen that, what it would have been."""
    label = label_for(editions, audience)
    if editions.issue.is_correction:  # there is one, for everybody
        return _stored(editions, Edition.objects.get(issue=editions.issue), label)
    if not audience:
        return read(editions)
    chosen = EditionAudience.objects.filter(issue=editions.issue, audience__key=audience.key).select_related("edition")
    found = chosen.first()
    if not found:
        return read(editions, audience)
    if not found.edition:
        return Reading(label, why_not=_nothing(editions.issue, audience))
    return _stored(editions, found.edition, label, quarterly=audience.quarterly)


def read_as_member(editions: IssueEditions, member: Member, *, frozen: bool) -> Reading:
    """The mail one member gets; once frozen, what the ledger says they were to get, with the stored words."""
    subscription = Subscription.objects.filter(member=member).select_related("member__user").first()
    audience = audience_of(subscription) if subscription else None
    label = label_for(editions, audience) if audience else "No subscription"
    if frozen:
        return _delivered(editions, member, audience, label)
    if not subscription or not audience:
        return Reading(label, why_not="They have no subscription to the e-news.")
    if why_not := _why_not(editions.issue, subscription):
        return Reading(label, why_not=why_not)
    return read(editions, audience, first_name=member.user.first_name)


def filled(rendered: Rendered, first_name: str, token: str = PREVIEW_TOKEN) -> Rendered:
    """Put one reader's two values in, as `skeletons.Message` does."""
    greeting = greeting_for(first_name)
    return Rendered(
        subject=rendered.subject,
        html=rendered.html.replace(TOKEN_SLOT, token).replace(GREETING_SLOT, html.escape(greeting)),
        text=rendered.text.replace(TOKEN_SLOT, token).replace(GREETING_SLOT, greeting),
    )


def _delivered(editions: IssueEditions, member: Member, audience: Audience | None, label: str) -> Reading:
    delivery = Delivery.objects.filter(issue=editions.issue, member=member).select_related("edition").first()
    if not delivery:
        return Reading(label, why_not="They had no subscription when the issue was frozen.")
    if delivery.state == Delivery.State.SKIPPED or not delivery.edition:
        return Reading(label, why_not=f"They were left out: {delivery.reason}.", delivery=delivery)
    quarterly = bool(audience and audience.quarterly)
    return _stored(editions, delivery.edition, label, member.user.first_name, delivery=delivery, quarterly=quarterly)


def _stored(
    editions: IssueEditions,
    edition: Edition,
    label: str,
    first_name: str = "",
    *,
    delivery: Delivery | None = None,
    quarterly: bool = False,
) -> Reading:
    """The stored message, its links where they lead: a look at it must count nothing."""
    if quarterly:
        editions.load_quarter()
    known = {editions.items[item.number].pk: item for item in editions.numbered()}
    items = [
        _listed(known[place.item.pk]) if place.item and place.item.pk in known else _gone(place)
        for place in edition.places.select_related("item__page")
    ]
    workshop = Workshop(editions.issue)
    try:
        skeleton = workshop.skeleton(edition.pk, Variant())
    except Altered as error:
        return Reading(label, why_not=str(error), edition=edition, delivery=delivery)
    message = skeleton.message(delivery=0, address=NOBODY, first_name=first_name, token=PREVIEW_TOKEN).as_email()
    parts = {}
    for subtype in ("html", "plain"):
        part = message.get_body((subtype,))
        assert part is not None  # `skeletons.py` writes both
        parts[subtype] = part.get_content().replace("\r\n", "\n")
    rendered = Rendered(str(message["Subject"]), _uncounted(workshop, parts["html"]), parts["plain"])
    return Reading(label, rendered, items, edition.more_count, edition=edition, delivery=delivery)


def _uncounted(workshop: Workshop, page: str) -> str:
    base = workshop.click_base(Variant())
    if base:
        addresses = {number: url for url, number in workshop.links.items()}
        counted = re.compile(rf'href="{re.escape(base)}/(\d+)"')
        page = counted.sub(lambda match: f'href="{html.escape(addresses[int(match[1])])}"', page)
    return page


def _listed(item: ItemContent) -> Listed:
    return Listed(item.kind_label, item.headline, item.audience_label, item.reason_line)


def _gone(place: EditionItem) -> Listed:
    """An item whose entry has been unpublished or made private since."""
    item = place.item
    return Listed(Kind(item.section).label, str(item)) if item else Listed("", "An item that has been deleted since")


def _nothing(issue: Issue, audience: Audience) -> str:
    if audience.quarterly and not issue.month.ends_quarter:
        return f"They want one issue in three months: the next is that of {issue.month.quarter_end.title}."
    return "Nothing in this issue is for them."


def _why_not(issue: Issue, subscription: Subscription) -> str:
    """Why somebody is not mailed, whatever is in the issue: the order of `freezing.py`."""
    suppression = Suppression.objects.filter(address_hash=subscription.member.user.address_hash).first()
    if suppression:
        return f"Their address must not be mailed: {suppression.get_reason_display().lower()}."
    if subscription.state == State.ENDED:
        return "They have left the e-news."
    if subscription.state == State.PENDING:
        return "They have not confirmed their subscription yet."
    if subscription.state == State.PAUSED and not _is_over(subscription):
        until = subscription.paused_until
        return f"They have paused the e-news until {date_format(until, 'j F Y') if until else 'they resume it'}."
    if issue.is_correction and not _received(issue, subscription):
        return "They did not receive what this corrects."
    return ""


def _is_over(subscription: Subscription) -> bool:
    """Whether freezing would end this pause first (`membership/pausing.py`)."""
    return bool(subscription.paused_until and subscription.paused_until <= timezone.localdate())


def _received(issue: Issue, subscription: Subscription) -> bool:
    carried = EditionItem.objects.filter(item=issue.corrects_id).values("edition")
    sent = Delivery.objects.filter(member=subscription.member, state=Delivery.State.SENT, edition__in=carried)
    return bool(sent.exists())
