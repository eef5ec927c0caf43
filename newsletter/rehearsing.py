"""Test sends: any edition to staff, built and handed over as delivery does it, and leaving no trace in the ledger.

Each mail is marked in its subject and above its content. Its links carry `TEST_TOKEN`, which belongs to nobody: to
leave or to change preferences through them leads to a page that changes nothing. Its number is negative, so that no
file, key or webhook of it can be taken for those of a delivery. What a member's saved searches add is left out: what
they look for is theirs alone, and these mails go to others.

A disarmed installation is most likely a restored copy, of which colleagues expect nothing: there a test goes to oneself
only, as account mail does, so that whoever checks the copy can still see what it would send.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import format_datetime

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from django.utils import timezone
from wagtail.log_actions import log

from cms import arming
from cms.groups import MEMBERS_GROUP
from membership.models import Audience, Suppression, User
from newsletter.compiling import IssueError
from newsletter.editions import IssueEditions
from newsletter.models import Edition
from newsletter.providers import get_transport
from newsletter.reading import choice_for, label_for
from newsletter.rendering import render_edition
from newsletter.skeletons import Message, Skeleton, Variant, Workshop
from newsletter.transports.base import Outcome, Result, TransportUnavailable

TEST_TOKEN = "test"  # noqa: S105  too short for a token of ours, so it can never become somebody's
MOST = 20  # people
MARK = "[Test]"
DISARMED = "Sending is disarmed on this installation: a test can go to yourself only."


@dataclass(frozen=True)
class Rehearsal:
    """How a test send ended: mails handed over, people whose address must not be mailed, and what went wrong."""

    sent: int
    suppressed: int = 0
    trouble: str = ""


def staff() -> QuerySet[User]:
    """Everybody who may enter the admin."""
    enter = Permission.objects.filter(codename="access_admin", content_type__app_label="wagtailadmin")
    may = Q(is_superuser=True) | Q(groups__permissions__in=enter) | Q(user_permissions__in=enter)
    return User.objects.filter(may, is_active=True).distinct().order_by("pk")


def staff_groups() -> QuerySet[Group]:
    """The groups that a test can be sent to: those with staff in them, and never the members'."""
    return Group.objects.exclude(name=MEMBERS_GROUP).filter(user__in=staff()).distinct().order_by("name")


def rehearse(
    editions: IssueEditions, audience: Audience | None = None, *, by: User, group: Group | None = None
) -> Rehearsal:
    """Send what an audience would get to the staff of a group, or to `by` alone, one mail each.

    Raises IssueError, or RenderError, with a sentence, before anything is sent. What happens then is in the result:
    nothing is tried again.
    """
    if group and arming.examine():
        raise IssueError(DISARMED)
    audience = audience and without_searches(audience)
    people = _people(by, group)
    label = label_for(editions, audience)
    skeleton = _skeleton(editions, audience, notice=_notice(by, group, label))
    hashes = [person.address_hash for person in people]
    suppressed = set(Suppression.objects.filter(address_hash__in=hashes).values_list("address_hash", flat=True))
    mailable = [person for person in people if person.address_hash not in suppressed]
    outcomes, trouble = _hand_over([_message(skeleton, person) for person in mailable])
    sent = sum(outcome.result == Result.SENT for outcome in outcomes)
    log(editions.issue, "newsletter.test", user=by, data={"edition": label, "count": sent})
    return Rehearsal(sent, len(people) - len(mailable), trouble or _trouble(outcomes))


def without_searches(audience: Audience) -> Audience:
    key = Audience.make_key(
        sectors=audience.sector_ids, region=audience.region_id, kinds=audience.kinds, quarterly=audience.quarterly
    )
    return Audience(key=key)


def _people(by: User, group: Group | None) -> list[User]:
    if not group:
        return [by]
    people = list(staff().filter(groups=group)[: MOST + 1]) if group.name != MEMBERS_GROUP else []
    if not people:
        raise IssueError("Nobody in this group may enter the admin: choose another.")
    if len(people) > MOST:
        raise IssueError(f"This group has more than {MOST} people: choose a smaller one.")
    return people


def _notice(by: User, group: Group | None, label: str) -> str:
    to = group.name if group else "themselves"
    return f"Test send to {to} by {by}, nothing was sent to members. This is the edition for: {label}."


def _skeleton(editions: IssueEditions, audience: Audience | None, *, notice: str) -> Skeleton:
    """The prepared message, by the workshop that prepares deliveries, but stored nowhere."""
    choice = choice_for(editions, audience)
    if audience and not choice.items:
        raise IssueError("Nothing in this issue is for this reader: choose another.")
    content = editions.content(choice, notice=notice)
    rendered = render_edition(replace(content, subject=f"{MARK} {content.subject}"))
    digest = hashlib.sha256("\0".join([rendered.subject, rendered.html, rendered.text]).encode()).hexdigest()
    edition = Edition(
        pk=0,
        issue=editions.issue,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        content_hash=digest,
    )
    workshop = Workshop(editions.issue)
    workshop.date = format_datetime(timezone.now())  # that of the mailing may be months ago
    return workshop.build(edition, Variant())


def _message(skeleton: Skeleton, person: User) -> Message:
    number = -1 - secrets.randbelow(10**12)
    return skeleton.message(delivery=number, address=person.email, first_name=person.first_name, token=TEST_TOKEN)


def _hand_over(messages: Sequence[Message]) -> tuple[list[Outcome], str]:
    outcomes: list[Outcome] = []
    transport = get_transport()
    try:
        transport.check()
        for outcome in transport.send(messages):
            outcomes.append(outcome)
    except TransportUnavailable as error:
        return outcomes, str(error)
    finally:
        transport.close()
    return outcomes, ""


def _trouble(outcomes: Sequence[Outcome]) -> str:
    failed = [outcome for outcome in outcomes if outcome.result != Result.SENT]
    return f"{len(failed)} could not be sent: {failed[0].reason}." if failed else ""
