"""Flow control: what the provider, the day and the rates allow, for all workers together."""

from datetime import UTC, date, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from newsletter import pacing
from newsletter.flow import MOST_FAILED, MOST_UNKNOWN, PATIENCE, Breaker, Flow
from newsletter.models import DayCount, Pace
from newsletter.transports.base import Outcome, Result
from tests.newsletter.flows import NOON, PROPERTY, Clock

pytestmark = pytest.mark.django_db


# --- Nothing set ---


def test_without_any_limit_the_look_is_the_only_statement(flow, clock, django_assert_num_queries):
    worker = flow()
    with django_assert_num_queries(1):
        assert worker.look() is None
        assert worker.slots(["example.org"] * 1000) == [0.0] * 1000
        for _ in range(20):
            grant = worker.grant(50)
            assert (grant.count, grant.wait, grant.reason) == (50, 0.0, "")
            worker.succeeded(50)
            worker.give_back(grant, 3)
            clock.on(10)


# --- Rate ---


def test_a_grant_is_one_statement_and_a_second_of_the_rate(flow, django_assert_num_queries):
    worker = flow(SEND_RATE_PER_SECOND=20)
    worker.look()
    with django_assert_num_queries(1):
        first = worker.grant(50)
    assert (first.count, first.wait) == (20, 0.0)
    assert worker.grant(5).wait == pytest.approx(1.0)
    assert worker.grant(50).wait == pytest.approx(1.25)


def test_a_rate_below_one_a_second_still_gives_one_message(flow, clock):
    worker = flow(SEND_RATE_PER_SECOND=0.1)
    assert worker.grant(50).count == 1
    assert (worker.grant(50).count, worker.grant(50).wait) == (1, pytest.approx(20))


def test_a_turn_too_far_away_is_not_booked(flow, clock):
    worker = flow(SEND_RATE_PER_SECOND=0.02)
    grants = [worker.grant(1) for _ in range(4)]
    assert [one.count for one in grants] == [1, 1, 0, 0]
    assert grants[-1].reason
    assert grants[-1].wait == PATIENCE
    clock.on(50)
    assert (worker.grant(1).count, worker.grant(1).count) == (1, 0)


def test_a_turn_booked_by_a_wrong_clock_is_not_believed(flow):
    Pace.objects.create(name="all", free_at=NOON + 86400)
    assert flow(SEND_RATE_PER_SECOND=20).grant(20).wait == 0.0


def test_while_a_rate_is_in_force_grants_look_now_and_then(flow, clock, django_assert_num_queries):
    worker, other = flow(SEND_RATE_PER_SECOND=20), flow()
    worker.look()
    other.throttled(30)
    clock.on(4)
    with django_assert_num_queries(1):
        assert (worker.grant(20).count, worker.rate) == (20, 20)
    clock.on(2)
    with django_assert_num_queries(2):
        slower = worker.grant(20)
    assert (slower.count, slower.wait, worker.rate) == (10, 24, 10)


def test_turns_begin_after_what_the_provider_asked_for(flow):
    workers = [flow(SEND_RATE_PER_SECOND=20) for _ in range(3)]
    workers[0].throttled(30)
    assert [worker.look().wait for worker in workers] == [30, 30, 30]
    assert [(grant.count, grant.wait) for grant in (worker.grant(50) for worker in workers)] == [
        (10, 30),
        (10, 31),
        (10, 32),
    ]


def test_a_long_hold_gives_no_turn(flow):
    worker = flow(SEND_RATE_PER_SECOND=20)
    worker.throttled(300)
    grant = worker.grant(50)
    assert (grant.count, grant.wait) == (0, 300)
    assert grant.reason == "The mail provider asked for less: sending goes on in 300 seconds."


def test_waiting_for_a_provider_out_of_reach_is_left_to_the_caller(flow):
    worker = flow(SEND_RATE_PER_SECOND=20)
    worker.unavailable()
    assert worker.look().wait == 15
    assert (worker.grant(50).count, worker.grant(50).wait) == (20, 1)


@PROPERTY
@given(
    rate=st.sampled_from([0.5, 1, 3, 7.5, 40, 333]),
    asks=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60), st.floats(0, 3)), min_size=1, max_size=30),
)
def test_no_window_holds_more_than_the_rate_and_one_burst(settings, rate, asks):
    Pace.objects.all().delete()
    settings.SEND_RATE_PER_SECOND = rate
    clock = Clock()
    workers = [Flow("file", clock) for _ in range(3)]
    handed_over = []
    for worker, wanted, pause in asks:
        grant = workers[worker].grant(wanted)
        assert 0 <= grant.count <= min(wanted, max(1, rate))
        assert grant.count or grant.reason
        handed_over += [(clock.now + grant.wait, grant.count)] if grant.count else []
        clock.on(pause)
    handed_over.sort()
    for start, _ in handed_over:
        for end, _ in handed_over:
            inside = sum(count for moment, count in handed_over if start <= moment <= end)
            assert inside <= rate * max(0.0, end - start) + max(1, rate) + 0.001


def test_a_claim_is_no_bigger_than_what_soon_goes_out(flow, clock, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert flow().claim_size(1000) == 1000
        assert flow(SEND_RATE_PER_SECOND=14).claim_size(1000) == 140
        assert flow(SEND_RATE_PER_SECOND=0.02).claim_size(1000) == 1
        assert flow(SEND_RATE_PER_SECOND=14, SEND_DOMAIN_RATES="nhs.net=5").claim_size(1000) == 28
    worker = flow(SEND_RATE_PER_SECOND=0)
    worker.look()
    assert worker.claim_size(1000) == 1000
    worker.succeeded(500)
    clock.on(5)
    worker.look()
    assert worker.claim_size(1000) == 200  # it got rid of a hundred a second


# --- Cap of the day ---


def test_the_cap_of_the_day(flow, clock, django_assert_num_queries):
    worker, other = flow(SEND_PER_DAY=120), flow()
    with django_assert_num_queries(1):
        assert worker.grant(50).count == 50
    assert [other.grant(50).count, worker.grant(50).count] == [50, 20]
    with django_assert_num_queries(1):
        over = other.grant(50)
    assert over.count == 0
    assert over.reason == "Today's limit of 120 messages is reached: sending goes on after midnight."
    assert over.wait == 11 * 3600  # noon UTC is one o'clock in London's summer
    clock.on(over.wait)
    assert other.grant(50).count == 50
    assert dict(DayCount.objects.values_list("day", "used")) == {date(2026, 10, 6): 120, date(2026, 10, 7): 50}


def test_a_cap_that_is_lowered_during_the_day(flow):
    assert flow(SEND_PER_DAY=100).grant(80).count == 80
    assert flow(SEND_PER_DAY=50).grant(10).count == 0


def test_what_was_not_handed_over_does_not_use_up_the_cap(flow, django_assert_num_queries):
    worker = flow(SEND_PER_DAY=60)
    grant = worker.grant(50)
    with django_assert_num_queries(1):
        worker.give_back(grant, 45)
    with django_assert_num_queries(0):
        worker.give_back(grant, 0)
    assert [worker.grant(50).count, worker.grant(50).count, worker.grant(50).count] == [50, 5, 0]


def test_a_grant_counts_for_the_day_on_which_it_is_handed_over(flow, clock):
    clock.now = datetime(2026, 10, 6, 22, 59, 59, tzinfo=UTC).timestamp()  # a second before midnight in London
    worker = flow(SEND_PER_DAY=3, SEND_RATE_PER_SECOND=1)
    assert [worker.grant(5).day for _ in range(3)] == [date(2026, 10, 6), date(2026, 10, 7), date(2026, 10, 7)]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_midnight_on_the_days_the_clocks_change(flow, clock, day, hours):
    worker = flow(SEND_PER_DAY=10)
    clock.now = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() - (3600 if day.month == 10 else 0)
    assert worker.grant(10).day == day
    assert worker.grant(10).wait == hours * 3600


@PROPERTY
@given(
    cap=st.integers(1, 200),
    rate=st.sampled_from([0, 2, 50]),
    asks=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60), st.floats(0, 30000)), min_size=1, max_size=30),
)
def test_no_day_ever_gets_more_than_its_cap(settings, cap, rate, asks):
    DayCount.objects.all().delete()
    Pace.objects.all().delete()
    settings.SEND_PER_DAY, settings.SEND_RATE_PER_SECOND = cap, rate
    clock = Clock()
    workers = [Flow("file", clock) for _ in range(3)]
    used = {}
    for worker, wanted, pause in asks:
        grant = workers[worker].grant(wanted)
        if grant.count:
            used[grant.day] = used.get(grant.day, 0) + grant.count
            assert used[grant.day] <= cap
        clock.on(pause)
    assert used == dict(DayCount.objects.values_list("day", "used"))


# --- Breaker ---


def tell(breaker, result, times):
    return [breaker.note(Outcome(1, result)) for _ in range(times)]


def test_outcomes_in_doubt_stop_the_sending():
    breaker = Breaker()
    assert not any(tell(breaker, Result.UNKNOWN, MOST_UNKNOWN - 1))
    assert not any(tell(breaker, Result.SENT, 1) + tell(breaker, Result.UNKNOWN, MOST_UNKNOWN - 1))
    assert not any(tell(breaker, Result.RETRY, 30) + tell(breaker, Result.FAILED, 1))
    assert "not known" in tell(breaker, Result.UNKNOWN, 1)[0]


def test_refusals_of_everybody_stop_the_sending():
    breaker = Breaker()
    assert not any(tell(breaker, Result.FAILED, MOST_FAILED - 1) + tell(breaker, Result.SENT, 1))
    assert not any(tell(breaker, Result.FAILED, MOST_FAILED - 1))
    assert "refused" in tell(breaker, Result.FAILED, 1)[0]


# --- Settings and retention ---


def test_a_rate_that_cannot_be_read_stops_the_worker(flow):
    with pytest.raises(ImproperlyConfigured, match="SEND_DOMAIN_RATES"):
        flow(SEND_DOMAIN_RATES="nhs.net")


def test_turns_that_are_over_are_forgotten(monkeypatch):
    monkeypatch.setattr(pacing, "FORGET_BATCH", 2)
    for day in range(1, 6):
        Pace.objects.create(name=f"domain:{day}.example.org", free_at=NOON - day)
    Pace.objects.create(name="domain:example.org", free_at=NOON + 1)
    assert list(pacing.forget(datetime.fromtimestamp(NOON, UTC))) == [2, 2, 1]
    assert Pace.objects.get().name == "domain:example.org"
