"""The verbs of membership. Each is one act: it changes the state and records the consent in one transaction."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import date

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from cms.groups import MEMBERS_GROUP
from cms.models import Region, Sector
from membership import mail
from membership.addresses import normalise_address
from membership.models import ConsentRecord, Member, Subscription, Suppression, User

Act, Channel, Purpose = ConsentRecord.Act, ConsentRecord.Channel, ConsentRecord.Purpose
State = Subscription.State
TRACKING = {"track_opens": Purpose.OPENS, "track_clicks": Purpose.CLICKS}


@transaction.atomic
def join(
    *,
    email: str,
    first_name: str = "",
    last_name: str = "",
    sectors: Iterable[Sector],
    region: Region | None,
    organisation: str = "",
    job_role: str = "",
    track_opens: bool = False,
    track_clicks: bool = False,
    channel: ConsentRecord.Channel = Channel.JOIN_PAGE,
) -> Subscription:
    """Register a professional and ask them, by mail, to confirm. Returns the (pending) subscription.

    Somebody already registered keeps what they chose and gets a mail that says so: whoever filled in the form
    sees no difference (quality.md 17). Raises ValueError when the address is malformed.
    """
    address = normalise_address(email)
    known = User.objects.filter(email=address).select_related("member__subscription").first()
    if known:
        return _join_again(known)
    user = User.objects.create_user(address, first_name=first_name, last_name=last_name)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    member = Member.objects.create(user=user, region=region, organisation=organisation, job_role=job_role)
    member.sectors.set(sectors)
    subscription = Subscription.objects.create(member=member, track_opens=track_opens, track_clicks=track_clicks)
    _record(member, Purpose.NEWS, Act.ASKED, channel)
    for field, purpose in TRACKING.items():
        if getattr(subscription, field):
            _record(member, purpose, Act.ASKED, channel)
    _ask_for_confirmation(subscription)
    return subscription


def _join_again(user: User) -> Subscription:
    member, _ = Member.objects.get_or_create(user=user)
    subscription, _ = Subscription.objects.get_or_create(member=member)
    if subscription.state in {State.PENDING, State.ENDED}:
        _record(member, Purpose.NEWS, Act.ASKED, Channel.JOIN_PAGE)
        _ask_for_confirmation(subscription)
    else:
        mail.send_already_member(user)
    return subscription


def _ask_for_confirmation(subscription: Subscription) -> None:
    token = secrets.token_urlsafe(24)
    subscription.confirmation_hash = _hash(token)
    subscription.asked_at = timezone.now()
    subscription.save(update_fields=["confirmation_hash", "asked_at"])
    mail.send_confirmation(subscription.member.user, token)


def find_by_confirmation(token: str) -> Subscription | None:
    """Return the subscription a confirmation link belongs to; None for a used, wrong or tampered token."""
    return Subscription.objects.select_related("member__user").filter(confirmation_hash=_hash(token)).first()


@transaction.atomic
def confirm(*, subscription: Subscription, channel: ConsentRecord.Channel = Channel.CONFIRMATION) -> None:
    """Make a subscription active: the person has shown that the address is theirs. May be called twice."""
    now = timezone.now()
    changed = Subscription.objects.filter(pk=subscription.pk, state__in=[State.PENDING, State.ENDED]).update(
        state=State.ACTIVE, confirmed_at=now, ended_at=None, confirmation_hash=""
    )
    subscription.refresh_from_db()
    if not changed:
        return
    member = subscription.member
    EmailAddress.objects.filter(user=member.user).update(verified=True)
    member.user.groups.add(Group.objects.get_or_create(name=MEMBERS_GROUP)[0])
    # Whoever asked to be forgotten, or never to be mailed, and now confirms again has changed their mind.
    Suppression.objects.filter(
        address_hash=member.user.address_hash, reason__in=[Suppression.Reason.ERASED, Suppression.Reason.REQUESTED]
    ).delete()
    _record(member, Purpose.NEWS, Act.CONFIRMED, channel)
    for field, purpose in TRACKING.items():
        if getattr(subscription, field):
            _record(member, purpose, Act.CONFIRMED, channel)


@transaction.atomic
def change_preferences(
    *,
    subscription: Subscription,
    sectors: Iterable[Sector],
    region: Region | None,
    kinds: Iterable[str],
    track_opens: bool,
    track_clicks: bool,
    channel: ConsentRecord.Channel = Channel.PREFERENCES,
) -> None:
    """Keep what the member chose, and record every tracking switch that moved."""
    member = subscription.member
    member.sectors.set(sectors)
    member.region = region
    member.save(update_fields=["region"])
    wanted = {"track_opens": track_opens, "track_clicks": track_clicks}
    for field, purpose in TRACKING.items():
        if getattr(subscription, field) != wanted[field]:
            _record(member, purpose, Act.CONFIRMED if wanted[field] else Act.WITHDRAWN, channel)
    subscription.kinds = sorted(set(kinds))
    subscription.track_opens, subscription.track_clicks = track_opens, track_clicks
    subscription.full_clean(exclude=["member"])
    subscription.save(update_fields=["kinds", "track_opens", "track_clicks"])


@transaction.atomic
def pause(*, subscription: Subscription, until: date | None = None) -> bool:
    """Stop mailing until a day (or until further notice). Returns whether anything changed."""
    changed = Subscription.objects.filter(pk=subscription.pk, state__in=[State.ACTIVE, State.PAUSED]).update(
        state=State.PAUSED, paused_until=until
    )
    subscription.refresh_from_db()
    return bool(changed)


@transaction.atomic
def resume(*, subscription: Subscription) -> bool:
    """Take up mailing again after a pause. Returns whether anything changed."""
    changed = Subscription.objects.filter(pk=subscription.pk, state=State.PAUSED).update(
        state=State.ACTIVE, paused_until=None
    )
    subscription.refresh_from_db()
    return bool(changed)


@transaction.atomic
def unsubscribe(*, subscription: Subscription, channel: ConsentRecord.Channel) -> bool:
    """End the e-news for a member at once. May be called twice; returns whether anything changed."""
    changed = (
        Subscription.objects.filter(pk=subscription.pk)
        .exclude(state=State.ENDED)
        .update(state=State.ENDED, ended_at=timezone.now(), paused_until=None, confirmation_hash="")
    )
    subscription.refresh_from_db()
    if changed:
        _record(subscription.member, Purpose.NEWS, Act.WITHDRAWN, channel)
    return bool(changed)


def suppress(*, address_hash: str, reason: Suppression.Reason) -> None:
    """Never mail this address again. The first reason is kept."""
    Suppression.objects.get_or_create(address_hash=address_hash, defaults={"reason": reason})


def _record(member: Member, purpose: str, act: str, channel: str) -> None:
    ConsentRecord.objects.create(member=member, purpose=purpose, act=act, channel=channel)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
