"""Putting somebody on the books; and, for an address that is there already, the same work for nobody.

Both paths run the same statements, so that the time an answer takes tells a stranger nothing (quality.md 17, ADR 11).
What is done for nobody is rolled back to a savepoint: nothing of it is ever committed.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import transaction

from cms.models import Region, Sector
from membership.models import Audience, ConsentRecord, Member, Subscription, User
from membership.models.subscription import every_kind

Act, Purpose = ConsentRecord.Act, ConsentRecord.Purpose


@dataclass(frozen=True)
class Asked:
    """What somebody filled in on the join page."""

    sectors: Iterable[Sector]
    region: Region | None
    wants_news: bool
    track_opens: bool
    track_clicks: bool
    channel: ConsentRecord.Channel
    first_name: str = ""
    last_name: str = ""
    organisation: str = ""
    job_role: str = ""

    @property
    def tracking(self) -> dict[str, bool]:
        """The two switches; they mean nothing to whoever does not want the e-news."""
        return {
            "track_opens": self.wants_news and self.track_opens,
            "track_clicks": self.wants_news and self.track_clicks,
        }


def register(address: str, asked: Asked) -> Subscription:
    """Make user, member and (pending) subscription of an address that is new."""
    outer = transaction.savepoint()
    user = _make_user(address, asked)
    inner = transaction.savepoint()
    subscription = _make_member(user, asked)
    transaction.savepoint_commit(inner)
    transaction.savepoint_commit(outer)
    return subscription


def enrol(user: User, asked: Asked) -> Subscription:
    """Make member and subscription of somebody who has an account only: an editor, say."""
    outer = transaction.savepoint()
    _make_user(_nobody(), asked)
    transaction.savepoint_rollback(outer)
    inner = transaction.savepoint()
    subscription = _make_member(user, asked)
    transaction.savepoint_commit(inner)
    return subscription


def rehearse(asked: Asked, *, recording: bool) -> None:
    """Do what `register` does, for nobody, and undo it; `recording` unless the caller records the question itself."""
    outer = transaction.savepoint()
    user = _make_user(_nobody(), asked)
    inner = transaction.savepoint()
    _make_member(user, asked, recording=recording)
    transaction.savepoint_rollback(inner)
    transaction.savepoint_rollback(outer)


def rehearse_writing() -> None:
    """Write one row and undo it, where the other path writes one row."""
    point = transaction.savepoint()
    Audience.objects.bulk_create([Audience(key=secrets.token_hex(32))])  # which sends no signals
    transaction.savepoint_rollback(point)


def record(member: Member, purpose: str, act: str, channel: str) -> None:
    """Add to the proof of what a member agreed to."""
    ConsentRecord.objects.create(member=member, purpose=purpose, act=act, channel=channel)


def record_news_asked(member: Member, asked: Asked) -> None:
    if asked.wants_news:
        record(member, Purpose.NEWS, Act.ASKED, asked.channel)


def _make_user(address: str, asked: Asked) -> User:
    user = User.objects.create_user(address, first_name=asked.first_name, last_name=asked.last_name)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    return user


def _make_member(user: User, asked: Asked, *, recording: bool = True) -> Subscription:
    member = Member.objects.create(
        user=user, region=asked.region, organisation=asked.organisation, job_role=asked.job_role
    )
    member.sectors.set(asked.sectors)
    # Whoever declined the e-news waits with no kinds chosen: that is how `joining.confirm` knows.
    kinds = every_kind() if asked.wants_news else []
    subscription = Subscription.objects.create(member=member, kinds=kinds, **asked.tracking)
    if recording:
        record_news_asked(member, asked)
    for field, purpose in (("track_opens", Purpose.OPENS), ("track_clicks", Purpose.CLICKS)):
        if asked.tracking[field]:
            record(member, purpose, Act.ASKED, asked.channel)
    return subscription


def _nobody() -> str:
    return f"nobody-{secrets.token_hex(8)}@example.org"
