"""Becoming a member: asking, asking again, confirming. Double opt-in for everybody (quality.md 6)."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone

from cms.addresses import normalise_address
from cms.groups import MEMBERS_GROUP
from cms.models import Region, Sector
from membership import mail, registering
from membership.models import ConsentRecord, Subscription, Suppression, User
from membership.models.subscription import every_kind
from membership.registering import Asked, record

Act, Channel, Purpose = ConsentRecord.Act, ConsentRecord.Channel, ConsentRecord.Purpose
State = Subscription.State
CONFIRM_WITHIN = timedelta(days=30)  # then an unconfirmed sign-up is purged
TRACKING = {"track_opens": Purpose.OPENS, "track_clicks": Purpose.CLICKS}


def join(
    *,
    email: str,
    first_name: str = "",
    last_name: str = "",
    sectors: Iterable[Sector],
    region: Region | None,
    organisation: str = "",
    job_role: str = "",
    wants_news: bool = True,
    track_opens: bool = False,
    track_clicks: bool = False,
    channel: ConsentRecord.Channel = Channel.JOIN_PAGE,
) -> Subscription:
    """Register a professional and ask them, by mail, to confirm. Returns the (pending) subscription.

    Somebody already registered keeps what they chose and gets a mail that says so: whoever filled in the form
    sees no difference, and waits no longer or shorter (quality.md 17). Raises ValueError when the address is malformed.
    """
    address = normalise_address(email)
    asked = Asked(
        sectors=list(sectors),
        region=region,
        wants_news=wants_news,
        track_opens=track_opens,
        track_clicks=track_clicks,
        channel=channel,
        first_name=first_name,
        last_name=last_name,
        organisation=organisation,
        job_role=job_role,
    )
    try:
        return _join(address, asked)
    except IntegrityError:  # the same form sent twice at once: the other one was first
        return _join(address, asked)


@transaction.atomic
def _join(address: str, asked: Asked) -> Subscription:
    known = User.objects.filter(email=address).select_related("member__subscription").first()
    if not known:
        subscription = registering.register(address, asked)
    elif not hasattr(known, "member"):
        subscription = registering.enrol(known, asked)
    else:
        return _join_again(known, asked)
    _ask_for_confirmation(subscription)
    return subscription


def _join_again(user: User, asked: Asked) -> Subscription:
    subscription = _subscription_of(user) or Subscription.objects.create(member=user.member)
    waiting = subscription.state == State.PENDING
    asks = waiting or (subscription.state == State.ENDED and asked.wants_news)
    registering.rehearse(asked, recording=not asks)
    if asks:
        registering.record_news_asked(user.member, asked)
        changed = _choose_again(subscription, asked, keep_tracking=waiting)
        _ask_for_confirmation(subscription, **changed)
    else:
        _already_member(subscription)
    return subscription


def _subscription_of(user: User | None) -> Subscription | None:
    return getattr(getattr(user, "member", None), "subscription", None)


def _choose_again(subscription: Subscription, asked: Asked, *, keep_tracking: bool) -> dict[str, Any]:
    """What the form says about the e-news itself: the fields that move, for the caller to save."""
    changed: dict[str, Any] = {}
    if bool(subscription.kinds) != asked.wants_news:
        changed |= {"kinds": every_kind() if asked.wants_news else [], "audience": None}
    for field, purpose in TRACKING.items():
        if not keep_tracking and getattr(subscription, field) != asked.tracking[field]:
            changed[field] = asked.tracking[field]
            record(subscription.member, purpose, Act.ASKED if asked.tracking[field] else Act.WITHDRAWN, asked.channel)
    return changed


@transaction.atomic
def resend(*, email: str) -> None:
    """Mail a new confirmation link to whoever still waits for one; to anybody else, a mail that says what is.

    Each path writes one row and sends one mail. Raises ValueError when the address is malformed.
    """
    address = normalise_address(email)
    known = User.objects.filter(email=address).select_related("member__subscription").first()
    subscription = _subscription_of(known)
    if not subscription:
        registering.rehearse_writing()
        if known:
            mail.send_already_member(known)
        else:
            mail.send_unknown(address)
    else:
        point = transaction.savepoint()
        if subscription.state == State.PENDING or subscription.confirmation_hash:
            _ask_for_confirmation(subscription)
        else:
            _already_member(subscription)
        transaction.savepoint_commit(point)


def _already_member(subscription: Subscription) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(asked_at=timezone.now())
    mail.send_already_member(subscription.member.user)


def _ask_for_confirmation(subscription: Subscription, **changed: Any) -> None:
    """Mail a link with a new token, and keep the token's hash with whatever else changes: one statement, always."""
    token = secrets.token_urlsafe(24)
    changed |= {"confirmation_hash": _hash(token), "asked_at": timezone.now()}
    Subscription.objects.filter(pk=subscription.pk).update(**changed)
    for field, value in changed.items():
        setattr(subscription, field, value)
    mail.send_confirmation(subscription.member.user, token, wants_news=bool(subscription.kinds))


def find_by_confirmation(token: str) -> Subscription | None:
    """Return the subscription a confirmation link belongs to; None for a used, old, wrong or tampered token."""
    return (
        Subscription.objects.select_related("member__user")
        .filter(confirmation_hash=_hash(token), asked_at__gt=timezone.now() - CONFIRM_WITHIN)
        .first()
    )


@transaction.atomic
def confirm(*, subscription: Subscription, channel: ConsentRecord.Channel = Channel.CONFIRMATION) -> None:
    """Make somebody a member, for they have shown that the address is theirs. May be called twice.

    The e-news begins with it, unless they declined it when they joined: then the subscription ends before it began.
    """
    now = timezone.now()
    subscription.refresh_from_db(fields=["kinds"])
    wants_news = bool(subscription.kinds)
    waiting = Subscription.objects.filter(pk=subscription.pk, state__in=[State.PENDING, State.ENDED])
    if wants_news:
        changed = waiting.update(state=State.ACTIVE, confirmed_at=now, ended_at=None, confirmation_hash="")
    else:
        changed = waiting.update(
            state=State.ENDED, ended_at=now, confirmation_hash="", kinds=every_kind(), audience=None
        )
    subscription.refresh_from_db()
    if not changed:
        return
    user = subscription.member.user
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True})
    user.groups.add(Group.objects.get_or_create(name=MEMBERS_GROUP)[0])
    lift_suppression(user)
    if wants_news:
        record(subscription.member, Purpose.NEWS, Act.CONFIRMED, channel)
        for field, purpose in TRACKING.items():
            if getattr(subscription, field):
                record(subscription.member, purpose, Act.CONFIRMED, channel)
    mail.send_welcome(user, wants_news=wants_news)


def lift_suppression(user: User) -> None:
    """Whoever asked to be forgotten, or never to be mailed, and now confirms the address has changed their mind."""
    Suppression.objects.filter(
        address_hash=user.address_hash, reason__in=[Suppression.Reason.ERASED, Suppression.Reason.REQUESTED]
    ).delete()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
