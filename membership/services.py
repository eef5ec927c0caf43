"""The verbs of membership. Each is one act: it changes the state and records the consent in one transaction."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone
from wagtail.log_actions import log

from cms.models import Region, Sector
from membership.joining import confirm as confirm
from membership.joining import find_by_confirmation as find_by_confirmation
from membership.joining import join as join
from membership.joining import resend as resend
from membership.models import ConsentRecord, Member, Subscription
from membership.registering import record as _record
from membership.signals import returned
from membership.suppressing import suppress as suppress
from membership.timeline import CHANGED

Act, Channel, Purpose = ConsentRecord.Act, ConsentRecord.Channel, ConsentRecord.Purpose
State = Subscription.State
UNDO_WITHIN = timedelta(days=7)  # of leaving
TRACKING = {"track_opens": Purpose.OPENS, "track_clicks": Purpose.CLICKS}


@transaction.atomic
def change_preferences(
    *,
    subscription: Subscription,
    sectors: Iterable[Sector],
    region: Region | None,
    kinds: Iterable[str],
    track_opens: bool,
    track_clicks: bool,
    frequency: str = "",
    channel: ConsentRecord.Channel = Channel.PREFERENCES,
) -> None:
    """Keep what the member chose, and record every tracking switch that moved. No frequency leaves it as it is."""
    member, chosen = subscription.member, list(sectors)
    before = (set(member.sectors.all()), member.region_id, sorted(subscription.kinds), subscription.frequency)
    member.sectors.set(chosen)
    member.region = region
    member.save(update_fields=["region"])
    _switch(subscription, channel, track_opens=track_opens, track_clicks=track_clicks)
    subscription.kinds = sorted(set(kinds))
    subscription.frequency = frequency or subscription.frequency
    subscription.full_clean(exclude=["member"])
    subscription.save(update_fields=["kinds", "frequency", "track_opens", "track_clicks"])
    after = (set(chosen), member.region_id, subscription.kinds, subscription.frequency)
    names = ("sectors", "region", "kinds", "frequency")
    _note_change(member, [name for name, old, new in zip(names, before, after, strict=True) if old != new])


@transaction.atomic
def change_measuring(
    *,
    subscription: Subscription,
    track_opens: bool,
    track_clicks: bool,
    channel: ConsentRecord.Channel = Channel.PREFERENCES,
) -> None:
    """Keep what the member lets us measure, and nothing else of their choices; record every switch that moved."""
    _switch(subscription, channel, track_opens=track_opens, track_clicks=track_clicks)
    subscription.save(update_fields=["track_opens", "track_clicks"])


def _switch(subscription: Subscription, channel: ConsentRecord.Channel, **wanted: bool) -> None:
    for field, purpose in TRACKING.items():
        if getattr(subscription, field) != wanted[field]:
            _record(subscription.member, purpose, Act.CONFIRMED if wanted[field] else Act.WITHDRAWN, channel)
            setattr(subscription, field, wanted[field])


@transaction.atomic
def change_profile(*, member: Member, **profile: str) -> None:
    """Keep who the member is at work: first_name, last_name, organisation and job_role."""
    user, changed = member.user, []
    for name, value in profile.items():
        owner = user if name in {"first_name", "last_name"} else member
        if getattr(owner, name) != value:
            setattr(owner, name, value)
            changed.append(name.replace("_", " "))
    user.save(update_fields=["first_name", "last_name"])
    member.save(update_fields=["organisation", "job_role"])
    _note_change(member, changed)


def _note_change(member: Member, changed: list[str]) -> None:
    """Tell the timeline which choices moved, not what they were."""
    if changed:
        log(member, CHANGED, data={"note": ", ".join(changed)})


@transaction.atomic
def pause(*, subscription: Subscription, until: date | None = None) -> bool:
    """Stop mailing until a day (or until further notice): from that day on it comes again (`pausing.py`).

    Returns whether anything changed. Raises ValueError, with a sentence for the member, when the day is not to come.
    """
    if until and until <= timezone.localdate():
        raise ValueError("Choose a day that is still to come, or leave it empty.")
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


def may_undo(subscription: Subscription) -> bool:
    """Whether leaving can still be taken back: seven days long, by whoever had once confirmed."""
    return bool(
        subscription.state == State.ENDED
        and subscription.confirmed_at
        and subscription.ended_at
        and subscription.ended_at > timezone.now() - UNDO_WITHIN
    )


@transaction.atomic
def undo_leaving(*, subscription: Subscription) -> bool:
    """Take leaving back, without another mail: the address was confirmed before. Returns whether anything changed."""
    changed = Subscription.objects.filter(
        pk=subscription.pk,
        state=State.ENDED,
        confirmed_at__isnull=False,
        ended_at__gt=timezone.now() - UNDO_WITHIN,
    ).update(state=State.ACTIVE, ended_at=None, confirmation_hash="")
    subscription.refresh_from_db()
    if changed:
        _record(subscription.member, Purpose.NEWS, Act.CONFIRMED, Channel.UNDO)
        returned.send(sender=Subscription, subscription=subscription)
    return bool(changed)
