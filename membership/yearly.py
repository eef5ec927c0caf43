""" "Still in this post?": asked once a year, answered with one button, ended softly when nobody answers.

    a year after confirming: asked -> 30 days: reminded -> 90 days: ended, with a last mail and a way back

Every step is found by comparing times, never by "exactly so many days ago", so missed days are made up for; it is
marked in the database before its mail goes out, so nobody is asked twice. No step is taken while sending is disarmed.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from cms import arming
from membership import services
from membership.ending import end_all
from membership.letters import letter
from membership.models import ConsentRecord, Member, Subscription, Suppression

logger = logging.getLogger(__name__)

YEAR = timedelta(days=365)
REMIND_AFTER = timedelta(days=30)
END_AFTER = timedelta(days=90)
BATCH = 200  # people per transaction
SALT = "membership.yearly"  # binds a link to this one purpose
ASKED, REMINDED = "membership.post_asked", "membership.post_reminded"
LOG_ACTIONS = {
    ASKED: ("Ask whether a member is still in post", "Asked whether still in this post"),
    REMINDED: ("Remind a member of the yearly question", "Reminded of the yearly question"),
}

State = Subscription.State
ANSWERED = (
    Q(post_asked_at=None)
    | Q(post_asked_at__lte=F("subscription__confirmed_at"))
    | Q(post_asked_at__lte=F("post_confirmed_at"))
)
WAITING = Q(post_asked_at__gt=F("subscription__confirmed_at")) & (
    Q(post_confirmed_at=None) | Q(post_asked_at__gt=F("post_confirmed_at"))
)


@dataclass(frozen=True)
class Asked:
    """What one run did, in people. `left` says that it stopped early: out of time, or no way to send mail."""

    asked: int = 0
    reminded: int = 0
    ended: int = 0
    left: bool = False


def run(seconds: float = 60) -> Asked:
    """Take every step that is due, oldest first. May be run at any time, by several processes at once."""
    if not _anybody_due() or arming.examine():
        return Asked()
    deadline = time.monotonic() + seconds
    post = get_connection()
    try:
        post.open()  # nobody is marked as asked while no mail can go out
    except OSError as error:
        logger.warning("the yearly question waits, mail is out of reach: %s", type(error).__name__)
        return Asked(left=True)
    counts = {"ended": 0, "reminded": 0, "asked": 0}
    left = False
    try:
        for name, step in (("ended", end), ("reminded", remind), ("asked", ask)):
            over = False
            while not over and time.monotonic() < deadline:
                done, over = step(post)
                counts[name] += done
            left = left or not over
    finally:
        post.close()
    return Asked(asked=counts["asked"], reminded=counts["reminded"], ended=counts["ended"], left=left)


def ask(post: Any = None) -> tuple[int, bool]:
    """Ask one batch of those whose year is over; return how many, and whether they were the last."""
    with transaction.atomic():
        now = timezone.now()
        members = _locked(to_ask(now))
        Member.objects.filter(pk__in=[member.pk for member in members]).update(post_asked_at=now)
        for member in members:
            member.post_asked_at = now
        _log(members, ASKED, now)
        _send_on_commit(members, "Are you still in this post?", "membership/email/yearly_ask.txt", post)
    return len(members), len(members) < BATCH


def remind(post: Any = None) -> tuple[int, bool]:
    """Remind one batch of those who have not answered for 30 days, once each."""
    with transaction.atomic():
        now = timezone.now()
        found = _locked(to_remind(now))
        # Another process may have reminded them while this one waited for the lock.
        entries = ModelLogEntry.objects.filter(
            content_type=_kind(), action=REMINDED, object_id__in=[str(member.pk) for member in found]
        ).values_list("object_id", "timestamp")
        done = {(pk, at) for pk, at in entries}
        members = [m for m in found if not any(pk == str(m.pk) and at >= _asked_at(m) for pk, at in done)]
        _log(members, REMINDED, now)
        _send_on_commit(members, "A reminder: are you still in this post?", "membership/email/yearly_remind.txt", post)
    return len(members), len(found) < BATCH


def end(post: Any = None) -> tuple[int, bool]:
    """End one batch of those who have not answered for 90 days, a month of them after the reminder."""
    with transaction.atomic():
        found = _locked(to_end(timezone.now()))
        subscriptions = [member.subscription for member in found]
        ended = end_all(subscriptions, channel=ConsentRecord.Channel.YEARLY, at=timezone.now())
        members = [member for member in found if member.pk in ended]
        _send_on_commit(members, "Your i-HOP e-news has ended", "membership/email/yearly_ended.txt", post)
    return len(members), len(found) < BATCH


def to_ask(now: datetime) -> "QuerySet[Member]":
    year_over = Q(subscription__confirmed_at__lte=now - YEAR) & (
        Q(post_confirmed_at=None) | Q(post_confirmed_at__lte=now - YEAR)
    )
    return _reachable().filter(year_over & ANSWERED)


def to_remind(now: datetime) -> "QuerySet[Member]":
    waiting = _reachable().filter(WAITING, post_asked_at__lte=now - REMIND_AFTER)
    return waiting.filter(~Exists(_reminders()))


def to_end(now: datetime) -> "QuerySet[Member]":
    waiting = _reachable().filter(WAITING, post_asked_at__lte=now - END_AFTER)
    return waiting.filter(Exists(_reminders().filter(timestamp__lte=now - REMIND_AFTER)))


def _reachable() -> "QuerySet[Member]":
    """Whoever receives the e-news, or has paused it for good, and may be mailed. A pause until a day is respected."""
    suppressed = Suppression.objects.filter(address_hash=OuterRef("user__address_hash"))
    return Member.objects.filter(
        ~Exists(suppressed),
        Q(subscription__state=State.ACTIVE) | Q(subscription__state=State.PAUSED, subscription__paused_until=None),
    )


def _reminders() -> "QuerySet[ModelLogEntry]":
    found: QuerySet[ModelLogEntry] = ModelLogEntry.objects.filter(
        content_type=_kind(),
        object_id=Cast(OuterRef("pk"), CharField()),
        action=REMINDED,
        timestamp__gte=OuterRef("post_asked_at"),
    )
    return found


def _anybody_due() -> bool:
    now = timezone.now()
    return any(due(now).exists() for due in (to_ask, to_remind, to_end))


def _locked(members: "QuerySet[Member]") -> list[Member]:
    chosen = members.select_related("user", "subscription").order_by("pk")
    return list(chosen.select_for_update(of=("self",))[:BATCH])


def _log(members: Sequence[Member], action: str, at: datetime) -> None:
    kind = _kind()
    ModelLogEntry.objects.bulk_create(
        ModelLogEntry(content_type=kind, object_id=str(one.pk), label=str(one), action=action, timestamp=at)
        for one in members
    )


def _kind() -> ContentType:
    return ContentType.objects.get_for_model(Member, for_concrete_model=False)


def _send_on_commit(members: Sequence[Member], subject: str, template: str, post: Any) -> None:
    letters = [
        (member.pk, letter(member.user.email, member.user.first_name, subject, template, link=link(member)))
        for member in members
    ]
    transaction.on_commit(lambda: _send(letters, post))


def _send(letters: list[tuple[int, EmailMessage]], post: Any) -> None:
    """One failure must not keep the others waiting, and is not repeated: nobody can say how far it had come."""
    for member, message in letters:
        message.connection = post
        try:
            message.send()
        except Exception as error:
            logger.error("the yearly mail to member %s failed: %s", member, type(error).__name__)


# --- The answer -----------------------------------------------------------------------------------


def link(member: Member) -> str:
    """The page where this year's question is answered. The link holds no address and changes nothing by itself."""
    token = signing.dumps([member.pk, int(_asked_at(member).timestamp())], salt=SALT)
    return settings.SITE_URL + reverse("still_here", args=[token])


def find(token: str) -> Member | None:
    """Return the member whose latest question this link belongs to; None for any other text."""
    try:
        pk, asked = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    members = Member.objects.select_related("user", "subscription").filter(subscription__isnull=False)
    member = members.filter(pk=pk).first()
    if not member or not member.post_asked_at or int(member.post_asked_at.timestamp()) != asked:
        return None
    return member


def stay(member: Member) -> None:
    """The member is still in post: the next question comes in a year. May be called twice."""
    Member.objects.filter(pk=member.pk).update(post_confirmed_at=timezone.now())


def answered(member: Member) -> bool:
    """Whether this year's question has been answered with yes."""
    return bool(member.post_confirmed_at and member.post_confirmed_at >= _asked_at(member))


def move_on(member: Member) -> bool:
    """The member has moved on: the e-news ends at once. Returns whether anything changed."""
    return services.unsubscribe(subscription=member.subscription, channel=ConsentRecord.Channel.ONE_CLICK)


@receiver(post_save, sender=ConsentRecord)
def confirming_answers(instance: ConsentRecord, created: bool, **kwargs: Any) -> None:
    """Whoever confirms, or takes leaving back, has answered: they are not asked again before a year is over."""
    if created and instance.act == ConsentRecord.Act.CONFIRMED and instance.purpose == ConsentRecord.Purpose.NEWS:
        Member.objects.filter(pk=instance.member_id, post_asked_at__isnull=False).update(post_confirmed_at=instance.at)


def _asked_at(member: Member) -> datetime:
    assert member.post_asked_at
    return member.post_asked_at
