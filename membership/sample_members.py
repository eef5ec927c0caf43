"""Sample members on example.org addresses, deterministic, for the demo and for benchmarks."""

import random
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from cms.addresses import address_hash
from cms.groups import MEMBERS_GROUP
from cms.models import Kind, Region, Sector
from membership.audiences import assign_audiences
from membership.models import ConsentRecord, Member, Subscription, Suppression, User

FIRST_NAMES = (
    *("Amal", "Bo", "Cass", "Dee", "Eli", "Fran", "Gwen", "Hari", "Indy", "Jo", "Kit", "Lee", "Mo", "Nour", "Ola"),
    *("Pat", "Quinn", "Remi", "Sam", "Toni", "Uma", "Val", "Wren", "Yan", "Zia"),
)
LAST_NAMES = (
    *("Ashdown", "Birch", "Calder", "Dunmore", "Elmsley", "Fernside", "Greenhalgh", "Hollin", "Ivybridge", "Jesmond"),
    *("Kestrel", "Larch"),
)
ORGANISATIONS = [
    "Sample Trust",
    "Sample Council",
    "Sample NHS service",
    "Sample school",
    "Sample prison",
    "Sample charity",
]
ROLES = ["Practitioner", "Manager", "Adviser", "Commissioner", "Volunteer co-ordinator", "Researcher"]
State = Subscription.State
# Of every twenty: two wait for confirmation, one is paused, one has left, one is suppressed.
STATES = [State.PENDING, State.PENDING, State.PAUSED, State.ENDED, *[State.ACTIVE] * 16]
SUPPRESSED_PLACE = 19
BATCH = 2000


@dataclass(frozen=True)
class Plan:
    """One sample member to be, told by their number alone."""

    number: int
    sectors: list[Sector]
    region: Region | None
    kinds: list[str]
    state: str
    suppressed: bool
    opens: bool
    clicks: bool

    @property
    def email(self) -> str:
        return f"member{self.number:06d}@example.org"


def make_members(number: int, *, audiences: int | None = None) -> int:
    """See to it that sample members 1 to `number` exist; return how many were created.

    With `audiences`, choices are dealt from that many different ones (for benchmarks), and everybody is active.
    """
    existing = set(User.objects.filter(email__regex=r"^member\d{6}@example\.org$").values_list("email", flat=True))
    plans = (plan for plan in _plans(number, audiences) if plan.email not in existing)
    made = 0
    while batch := list(islice(plans, BATCH)):
        _create(batch)
        made += len(batch)
    assign_audiences()
    return made


def _plans(number: int, audiences: int | None) -> "list[Plan]":
    sectors, regions = list(Sector.objects.all()), [*Region.objects.all(), None]
    plans = []
    for place in range(number):
        # Every sector and every region in turn; some work in two sectors, some want only certain kinds.
        slot = place % audiences if audiences else place
        chosen, kinds = [sectors[slot % len(sectors)]], list(Kind.values)
        region = regions[slot // len(sectors) % len(regions)]
        dice = random.Random(place)
        if not audiences and dice.random() < 0.15:
            chosen.append(dice.choice([sector for sector in sectors if sector not in chosen]))
        if not audiences and dice.random() < 0.1:
            kinds = sorted(dice.sample(Kind.values, 5))
        state = State.ACTIVE if audiences else STATES[(place * 7 + 5) % 20]
        plans.append(
            Plan(
                number=place + 1,
                sectors=chosen,
                region=region,
                kinds=kinds,
                state=state,
                suppressed=not audiences and (place * 7 + 5) % 20 == SUPPRESSED_PLACE,
                opens=not audiences and place % 5 < 3,
                clicks=not audiences and place % 4 > 0,
            )
        )
    return plans


@transaction.atomic
def _create(plans: list[Plan]) -> None:
    """Write a batch of members in a fixed number of statements."""
    now = timezone.now()
    users = User.objects.bulk_create(_user(plan) for plan in plans)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, primary=True, verified=plan.state != State.PENDING)
        for user, plan in zip(users, plans, strict=True)
    )
    group, _ = Group.objects.get_or_create(name=MEMBERS_GROUP)
    User.groups.through.objects.bulk_create(
        User.groups.through(user_id=user.pk, group_id=group.pk)
        for user, plan in zip(users, plans, strict=True)
        if plan.state != State.PENDING
    )
    members = Member.objects.bulk_create(
        Member(
            user=user,
            region=plan.region,
            organisation=ORGANISATIONS[plan.number % len(ORGANISATIONS)],
            job_role=ROLES[plan.number % len(ROLES)],
            joined_at=now - timedelta(days=30 + plan.number % 300),
        )
        for user, plan in zip(users, plans, strict=True)
    )
    Member.sectors.through.objects.bulk_create(
        Member.sectors.through(member_id=member.pk, sector_id=sector.pk)
        for member, plan in zip(members, plans, strict=True)
        for sector in plan.sectors
    )
    Subscription.objects.bulk_create(_subscription(member, plan) for member, plan in zip(members, plans, strict=True))
    ConsentRecord.objects.bulk_create(
        record for member, plan in zip(members, plans, strict=True) for record in _consents(member, plan)
    )
    Suppression.objects.bulk_create(
        [
            Suppression(address_hash=address_hash(plan.email), reason=Suppression.Reason.BOUNCED)
            for plan in plans
            if plan.suppressed
        ],
        ignore_conflicts=True,
    )


def _user(plan: Plan) -> User:
    return User(
        email=plan.email,
        address_hash=address_hash(plan.email),
        password="!",  # nobody logs in as a sample member by password
        first_name=FIRST_NAMES[plan.number % len(FIRST_NAMES)],
        last_name=LAST_NAMES[plan.number // 2 % len(LAST_NAMES)],
    )


def _subscription(member: Member, plan: Plan) -> Subscription:
    confirmed = None if plan.state == State.PENDING else member.joined_at
    return Subscription(
        member=member,
        state=plan.state,
        kinds=plan.kinds,
        track_opens=plan.opens,
        track_clicks=plan.clicks,
        asked_at=member.joined_at,
        confirmed_at=confirmed,
        ended_at=timezone.now() if plan.state == State.ENDED else None,
    )


def _consents(member: Member, plan: Plan) -> list[ConsentRecord]:
    acts = [ConsentRecord.Act.ASKED]
    if plan.state != State.PENDING:
        acts.append(ConsentRecord.Act.CONFIRMED)
    if plan.state == State.ENDED:
        acts.append(ConsentRecord.Act.WITHDRAWN)
    purposes = [ConsentRecord.Purpose.NEWS]
    purposes += [ConsentRecord.Purpose.OPENS] if plan.opens else []
    purposes += [ConsentRecord.Purpose.CLICKS] if plan.clicks else []
    return [
        ConsentRecord(
            member=member, purpose=purpose, act=act, channel=ConsentRecord.Channel.JOIN_PAGE, at=member.joined_at
        )
        for purpose in purposes
        for act in acts
    ]
