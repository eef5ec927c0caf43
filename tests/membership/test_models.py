"""What the database itself refuses, and audiences that follow every change of mind."""

import itertools
from datetime import date

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cms.addresses import address_hash
from cms.models import Kind
from membership import services
from membership.audiences import assign_audiences
from membership.models import Audience, ConsentRecord, Member, Subscription, Suppression, User
from tests.factories import UserFactory, region, sector, subscription

pytestmark = pytest.mark.django_db
State = Subscription.State


# --- Constraints ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "change", "constraint"),
    [
        (State.ACTIVE, {"confirmed_at": None}, "active_needs_confirmation"),
        (State.PAUSED, {"confirmed_at": None}, "active_needs_confirmation"),
        (State.PENDING, {"state": State.ACTIVE}, "active_needs_confirmation"),
        (State.ACTIVE, {"state": State.ENDED}, "ended_has_its_time"),
        (State.ENDED, {"ended_at": None}, "ended_has_its_time"),
        (State.ACTIVE, {"paused_until": date(2027, 1, 1)}, "pause_date_only_when_paused"),
        (State.ACTIVE, {"state": "asleep"}, "state_known"),
    ],
)
def test_database_refuses_a_subscription_that_cannot_be(state, change, constraint):
    one = subscription(state=state)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Subscription.objects.filter(pk=one.pk).update(**change)
    assert Subscription.objects.get(pk=one.pk).state == state


def test_pause_may_have_its_last_day():
    one = subscription(state=State.PAUSED)
    assert Subscription.objects.filter(pk=one.pk).update(paused_until=date(2027, 1, 1)) == 1


def test_database_refuses_an_unknown_suppression_reason():
    with pytest.raises(IntegrityError, match="suppression_reason_known"), transaction.atomic():
        Suppression.objects.create(address_hash="a" * 64, reason="disliked")


def test_database_keeps_one_suppression_per_address():
    Suppression.objects.create(address_hash="a" * 64, reason="bounced")
    with pytest.raises(IntegrityError), transaction.atomic():
        Suppression.objects.create(address_hash="a" * 64, reason="complained")


def test_database_refuses_the_same_address_in_another_case():
    UserFactory(email="sam@example.org")
    stranger = User(email="SAM@Example.org", address_hash=address_hash("sam@example.org"), password="!")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([stranger])  # passes by save(), which would have lowered it


def test_database_refuses_an_account_without_its_hash():
    with pytest.raises(IntegrityError, match="user_has_address_hash"), transaction.atomic():
        User.objects.bulk_create([User(email="sam@example.org", password="!")])


def test_account_keeps_the_hash_of_its_address_when_only_the_address_is_saved():
    user = UserFactory(email="Sam@Example.org")
    assert (user.email, user.address_hash) == ("sam@example.org", address_hash("sam@example.org"))
    user.email = "NEW@example.org"
    user.save(update_fields=["email"])
    user.refresh_from_db()
    assert (user.email, user.address_hash) == ("new@example.org", address_hash("new@example.org"))


def test_names_of_people_never_show_their_address():
    user = UserFactory(email="sam@example.org", first_name="", last_name="")
    member = Member.objects.create(user=user)
    assert not any("sam" in str(thing) or "@" in str(thing) for thing in (user, member, AnonymousUser()))


# --- Consent records -----------------------------------------------------------------------------


@pytest.fixture
def consent():
    member = subscription().member
    return ConsentRecord.objects.create(member=member, purpose="news", act="confirmed", channel="confirmation")


def _sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


CHANGES = {
    "save": lambda record: setattr(record, "act", "withdrawn") or record.save(),
    "update": lambda record: ConsentRecord.objects.filter(pk=record.pk).update(act="withdrawn"),
    "raw update": lambda record: _sql(f"UPDATE membership_consentrecord SET act = 'x' WHERE id = {record.pk}"),
}
REMOVALS = {
    "delete": lambda record: record.delete(),
    "bulk delete": lambda record: ConsentRecord.objects.all().delete(),
    "raw delete": lambda record: _sql("DELETE FROM membership_consentrecord"),
    "member's delete": lambda record: record.member.delete(),
    "account's delete": lambda record: record.member.user.delete(),
}


@pytest.mark.parametrize("tamper", [*CHANGES.values(), *REMOVALS.values()], ids=[*CHANGES, *REMOVALS])
def test_consent_record_can_neither_change_nor_go(consent, tamper):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        tamper(consent)
    assert ConsentRecord.objects.get().act == "confirmed"


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_consent_record_goes_with_a_member_who_is_being_erased(consent, remove):
    Member.objects.filter(pk=consent.member_id).update(erased_at=timezone.now())
    remove(consent)
    assert not ConsentRecord.objects.exists()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_consent_record_cannot_change_even_while_its_member_is_being_erased(consent, change):
    Member.objects.filter(pk=consent.member_id).update(erased_at=timezone.now())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change(consent)


def test_erasing_one_member_leaves_the_records_of_others(consent):
    erased = subscription(email="leaver@example.org").member
    Member.objects.filter(pk=erased.pk).update(erased_at=timezone.now())
    erased.user.delete()
    assert ConsentRecord.objects.get() == consent


# --- Audiences -----------------------------------------------------------------------------------

pks = st.integers(min_value=1, max_value=10**6)
choices = st.fixed_dictionaries(
    {
        "sectors": st.sets(pks, max_size=9),
        "region": st.none() | pks,
        "kinds": st.sets(st.sampled_from(Kind.values)),
        "quarterly": st.booleans(),
        "searches": st.sets(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), max_size=3),
    }
)


@given(choices)
def test_audience_key_reads_back_as_what_was_chosen(choice):
    audience = Audience(key=Audience.make_key(**choice))
    assert audience.sector_ids == choice["sectors"]
    assert audience.region_id == choice["region"]
    assert audience.kinds == choice["kinds"]
    assert audience.quarterly == choice["quarterly"]
    assert set(audience.searches) == choice["searches"]


@given(choices, st.randoms(use_true_random=False))
def test_audience_key_does_not_depend_on_the_order_or_on_repetition(choice, dice):
    def shuffled(values):
        return dice.sample(sorted(values) * 2, 2 * len(values))

    again = choice | {name: shuffled(choice[name]) for name in ("sectors", "kinds", "searches")}
    assert Audience.make_key(**again) == Audience.make_key(**choice)


CHANGES_OF_MIND = {
    "sector added": lambda one: one.member.sectors.add(sector("schools")),
    "sector removed": lambda one: one.member.sectors.remove(sector("health")),
    "sectors set": lambda one: one.member.sectors.set([sector("schools")]),
    "sectors cleared": lambda one: one.member.sectors.clear(),
    "member added to a sector": lambda one: sector("schools").members.add(one.member),
    "member removed from a sector": lambda one: sector("health").members.remove(one.member),
    "a sector's members set": lambda one: sector("health").members.set([]),
    "a sector's members cleared": lambda one: sector("health").members.clear(),
    "region": lambda one: setattr(one.member, "region", region("london")) or one.member.save(),
    "region only": lambda one: setattr(one.member, "region", None) or one.member.save(update_fields=["region"]),
    "kinds": lambda one: setattr(one, "kinds", ["event"]) or one.save(),
    "kinds only": lambda one: setattr(one, "kinds", ["event"]) or one.save(update_fields=["kinds"]),
    "frequency": lambda one: setattr(one, "frequency", "quarterly") or one.save(),
    "frequency only": lambda one: setattr(one, "frequency", "quarterly") or one.save(update_fields=["frequency"]),
    "preferences": lambda one: services.change_preferences(
        subscription=one,
        sectors=[sector("health")],
        region=region("north-east"),
        kinds=["event"],
        track_opens=False,
        track_clicks=False,
    ),
}


@pytest.mark.parametrize("change", CHANGES_OF_MIND.values(), ids=CHANGES_OF_MIND)
def test_every_change_of_mind_takes_the_audience_away(change):
    one, other = subscription(), subscription(sectors=["prisons"])
    assign_audiences()
    one.refresh_from_db()
    before = one.audience
    assert before is not None
    change(one)
    assert Subscription.objects.get(pk=one.pk).audience is None
    assert Subscription.objects.get(pk=other.pk).audience is not None, "nobody else's changes"
    assert assign_audiences() == 1
    assert Subscription.objects.get(pk=one.pk).audience != before


def test_pausing_keeps_the_audience():
    one = subscription()
    assign_audiences()
    one.refresh_from_db()
    services.pause(subscription=one)
    assert one.audience is not None


def test_equal_choices_share_an_audience_and_different_ones_do_not():
    same = [subscription(sectors=["health", "schools"]), subscription(sectors=["schools", "health"])]
    different = [
        subscription(sectors=["health"]),
        subscription(sectors=["health", "schools"], region_slug=None),
        subscription(sectors=["health", "schools"], region_slug="london"),
        subscription(sectors=["health", "schools"], kinds=["event"]),
    ]
    assert assign_audiences() == 6
    assert assign_audiences() == 0
    of = {one.pk: Subscription.objects.get(pk=one.pk).audience for one in [*same, *different]}
    assert of[same[0].pk] == of[same[1].pk]
    assert Audience.objects.count() == 5
    for one, another in itertools.combinations([same[0], *different], 2):
        assert of[one.pk] != of[another.pk]
    audience = of[different[2].pk]
    assert audience.sector_ids == {sector("health").pk, sector("schools").pk}
    assert (audience.region_id, audience.kinds) == (region("london").pk, set(Kind.values))


def test_assigning_costs_the_same_for_few_and_for_many():
    def queries(number):
        for place in range(number):
            subscription(sectors=["health"] if place % 2 else ["schools", "prisons"], kinds=["event"][: place % 3])
        with CaptureQueriesContext(connection) as captured:
            assert assign_audiences() == number
        return len(captured)

    assert queries(3) == queries(60)
