"""What the provider's answers slow all workers to, and how they come back to speed."""

import pytest

from newsletter.flow import Flow
from newsletter.models import Throttle
from tests.newsletter.flows import NOON

pytestmark = pytest.mark.django_db


# --- The provider asks for less ---


def test_a_refusal_holds_everybody_and_halves_the_rate(flow, clock, django_assert_num_queries):
    worker, other = flow(SEND_RATE_PER_SECOND=100), flow()
    with django_assert_num_queries(1):
        hold = worker.throttled(7)
    assert (hold.wait, worker.rate) == (7, 50)
    with django_assert_num_queries(1):
        assert other.look() == hold
    assert other.rate == 50
    clock.on(7)
    assert other.look() is None
    assert other.grant(200).count == 50


def test_the_refusals_of_one_burst_count_once(flow, clock):
    workers = [flow(SEND_RATE_PER_SECOND=100) for _ in range(4)]
    for worker in workers:
        worker.throttled(None)
        clock.on(0.1)
    assert (workers[0].look().wait, workers[0].rate) == (pytest.approx(1.6), 50)
    assert workers[1].throttled(10).wait == 10  # a longer wish is heard, a shorter one changes nothing
    assert workers[2].throttled(3).wait == 10
    assert workers[2].rate == 50


def test_the_back_off_doubles_until_messages_are_taken_again(flow, clock):
    worker = flow(SEND_RATE_PER_SECOND=1000)
    waits = []
    for _ in range(9):
        waits.append(round(worker.throttled(None).wait))
        clock.on(worker.look().wait)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300]
    clock.on(5)
    worker.succeeded(50)
    assert round(worker.throttled(None).wait) == 2


@pytest.mark.parametrize(("asked", "wait"), [(0, 1), (90, 90), (1e9, 3600)])
def test_how_long_the_provider_may_make_us_wait(flow, asked, wait):
    assert flow().throttled(asked).wait == wait


@pytest.mark.parametrize(
    ("configured", "observed", "rate"), [(0, 80.0, 40), (100, 60.0, 30), (50, 60.0, 25), (100, None, 50), (0, None, 10)]
)
def test_what_is_halved(flow, configured, observed, rate):
    worker = flow(SEND_RATE_PER_SECOND=configured)
    worker.throttled(None, observed)
    assert worker.rate == rate


def test_a_worker_that_is_not_told_goes_by_what_it_got_rid_of(flow, clock):
    worker = flow()
    worker.look()
    worker.succeeded(600)
    clock.on(10)
    worker.look()
    worker.throttled(None)
    assert worker.rate == 30


def test_a_slowed_rate_that_limited_nothing_is_halved_from_what_was_seen(flow, clock):
    worker = flow()
    worker.throttled(1, 800.0)
    clock.on(60)
    worker.throttled(1, 50.0)
    assert worker.rate == 25


def test_refusals_never_slow_to_a_standstill(flow, clock):
    worker = flow(SEND_RATE_PER_SECOND=5)
    for _ in range(30):
        worker.throttled(1)
        clock.on(2)
    assert worker.rate == 0.1
    assert worker.grant(50).count == 1
    clock.on(5)
    worker.succeeded(1)
    clock.on(5)
    worker.succeeded(1)
    assert worker.rate == pytest.approx(0.11)


@pytest.mark.parametrize("configured", [0, 40])
def test_a_slowed_rate_grows_until_it_limits_no_longer(flow, clock, configured, django_assert_max_num_queries):
    worker = flow(SEND_RATE_PER_SECOND=configured)
    worker.throttled(2, 20.0)
    rates = [worker.rate]
    with django_assert_max_num_queries(70):  # one in five seconds
        for _ in range(330):
            clock.on(1)
            worker.succeeded(10)
            if worker.rate != rates[-1]:
                rates.append(worker.rate)
    assert rates[1] == 11  # a tenth more
    assert rates[-1] == (configured or None)
    assert Throttle.objects.get().rate is None
    with django_assert_max_num_queries(0):
        clock.on(60)
        worker.succeeded(10)


def test_several_workers_raise_the_rate_as_one(flow, clock):
    workers = [flow(SEND_RATE_PER_SECOND=100) for _ in range(3)]
    workers[0].throttled(1)
    clock.on(6)
    for worker in workers:
        worker.look()
        worker.succeeded(10)
        assert worker.rate == pytest.approx(55)


def test_messages_taken_while_a_hold_lasts_raise_nothing(flow, clock):
    worker = flow(SEND_RATE_PER_SECOND=100)
    worker.throttled(30)
    for _ in range(3):
        clock.on(11)  # the third time the hold is over, but not yet for five seconds
        worker.succeeded(1)
    assert worker.rate == 50
    clock.on(5)
    worker.succeeded(1)
    assert worker.rate == pytest.approx(55)


def test_a_group_in_which_nothing_was_taken_raises_nothing(flow, clock):
    worker = flow(SEND_RATE_PER_SECOND=100)
    worker.throttled(1)
    clock.on(60)
    worker.succeeded(0)
    assert worker.rate == 50


def test_a_hold_written_by_a_wrong_clock_is_not_believed(flow):
    Throttle.objects.create(provider="file", hold_until=NOON + 86400)
    worker = flow(SEND_RATE_PER_SECOND=100)
    assert worker.look() is None
    assert worker.throttled(2).wait == 2
    assert worker.rate == 50


def test_other_providers_are_not_slowed(flow, clock):
    flow().throttled(60)
    assert Flow("smtp", clock).look() is None


# --- Out of reach ---


def test_the_fifth_failure_in_a_row_pauses(flow, clock, django_assert_num_queries):
    worker, waits = flow(), []
    for _ in range(4):
        with django_assert_num_queries(1):
            assert worker.unavailable() is False
        hold = worker.look()
        waits.append(hold.wait)
        assert hold.reason == f"The mail provider is out of reach: it is tried again in {round(hold.wait)} seconds."
        clock.on(hold.wait)
    assert waits == [15, 30, 60, 120]
    assert worker.unavailable() is True
    assert worker.look() is None  # whoever resumes need not wait
    assert worker.unavailable() is False


def test_workers_that_fail_together_count_once(flow, clock):
    workers = [flow() for _ in range(6)]
    assert not any(worker.unavailable() for worker in workers)
    assert Throttle.objects.get().failures == 1


def test_failures_with_a_success_between_are_not_in_a_row(flow, clock, django_assert_num_queries):
    worker, other = flow(), flow()
    for _ in range(12):
        assert worker.unavailable() is False
        clock.on(15)
        other.look()
        with django_assert_num_queries(1):
            other.succeeded(50)
            other.succeeded(50)
    assert worker.throttled(None).wait == 2  # nor does an outage that is over lengthen the back-off
