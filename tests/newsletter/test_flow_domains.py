"""The pace of each recipient domain: turns are 1 / rate apart, and those who wait come back when there is one."""

import heapq
from itertools import pairwise

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from newsletter.domains import LATER, parse_domain_rates
from newsletter.flow import SOON, Flow
from newsletter.models import Pace
from tests.newsletter.flows import NOON, PROPERTY, Clock

pytestmark = pytest.mark.django_db


def test_only_limited_domains_wait(flow, django_assert_num_queries):
    worker = flow(SEND_DOMAIN_RATES="nhs.net=2")
    with django_assert_num_queries(0):
        assert worker.slots(["example.org", "mail.nhs.net"]) == [0.0, 0.0]
    with django_assert_num_queries(1):
        assert worker.slots(["nhs.net", "example.org", "NHS.net"]) == pytest.approx([0.0, 0.0, 0.5])
    assert worker.slots([]) == []


def test_those_who_must_wait_are_spread_out_at_the_rate(flow, django_assert_num_queries):
    worker, other = flow(SEND_DOMAIN_RATES="nhs.net=2"), flow(SEND_DOMAIN_RATES="nhs.net=2")
    with django_assert_num_queries(2):
        assert worker.slots(["nhs.net"] * 6) == pytest.approx([0.0, 0.5, 1.0, 1.5, LATER, LATER + 0.5])
    assert other.slots(["nhs.net"] * 3) == pytest.approx([LATER + 1, LATER + 1.5, LATER + 2])


def test_any_other_domain(flow, django_assert_num_queries):
    worker = flow(SEND_DOMAIN_RATES="nhs.net=5, *=1")
    with django_assert_num_queries(2):
        slots = worker.slots(["a.org", "b.org", "nhs.net", "nhs.net", "a.org", "a.org"])
    assert slots == pytest.approx([0.0, 0.0, 0.0, 0.2, 1.0, LATER])


def test_a_slow_domain_is_asked_again_when_its_turn_comes(flow, clock):
    worker = flow(SEND_DOMAIN_RATES="nhs.net=0.1")
    assert worker.slots(["nhs.net"] * 3) == pytest.approx([0.0, 10.0, 20.0])
    clock.on(10)
    assert worker.slots(["nhs.net"]) == pytest.approx([0.0])


def test_statements_do_not_grow_with_the_claim(flow, django_assert_num_queries):
    worker = flow(SEND_DOMAIN_RATES="*=2")
    with django_assert_num_queries(2):
        assert len(worker.slots([f"d{n % 400}.example.org" for n in range(2000)])) == 2000


@PROPERTY
@given(
    rate=st.sampled_from([0.2, 1, 3, 49, 250.5]),
    claims=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.lists(st.sampled_from(["nhs.net", "police.uk", "example.org"]), max_size=60),
            st.floats(0, 2),
        ),
        min_size=1,
        max_size=15,
    ),
)
def test_two_messages_to_one_domain_are_never_closer_than_its_rate(settings, rate, claims):
    Pace.objects.all().delete()
    settings.SEND_DOMAIN_RATES = f"nhs.net={rate}, police.uk=7"
    clock = Clock()
    workers = [Flow("file", clock) for _ in range(3)]
    sent = {"nhs.net": [], "police.uk": []}
    for worker, domains, pause in claims:
        slots = workers[worker].slots(domains)
        assert not any(slot for slot, one in zip(slots, domains, strict=True) if one == "example.org")
        for domain, moments in sent.items():
            own = [slot for slot, one in zip(slots, domains, strict=True) if one == domain]
            assert own == sorted(own)  # in the order of the claim
            moments += [clock.now + slot for slot in own if slot < SOON]
            assert all(slot >= LATER for slot in own if slot >= SOON)
        clock.on(pause)
    for domain, apart in (("nhs.net", 1 / rate), ("police.uk", 1 / 7)):
        assert all(later - one >= apart - 0.00001 for one, later in pairwise(sorted(sent[domain])))


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_long_queue_comes_to_its_end_without_asking_over_and_over(flow, clock, workers, seconds):
    """Worker after worker claims 100 rows, hands over what is due, and leaves the rest until its slot."""
    rate, people = 5, 600
    flows = [(NOON + n / 10, n, flow(SEND_DOMAIN_RATES=f"nhs.net={rate}")) for n in range(workers)]
    fresh, waiting, sent, claims = people, [], 0, 0
    while sent < people:
        clock.now, number, worker = heapq.heappop(flows)
        batch = min(100, fresh)
        fresh -= batch
        while waiting and waiting[0] <= clock.now and batch < 100:
            heapq.heappop(waiting)
            batch += 1
        claims += batch
        slots = worker.slots(["nhs.net"] * batch)
        due = [slot for slot in slots if slot < SOON]
        sent += len(due)
        for slot in slots[len(due) :]:
            heapq.heappush(waiting, clock.now + slot)
        heapq.heappush(flows, (clock.now + seconds, number, worker))
    assert people / rate - SOON <= clock.now - NOON <= 1.2 * people / rate
    assert claims <= 2.2 * people


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", {}),
        (" , ", {}),
        ("nhs.net=5,*=20", {"nhs.net": 5.0, "*": 20.0}),
        (" NHS.net = 0.5 , müller.example.org=1", {"nhs.net": 0.5, "müller.example.org": 1.0}),
    ],
)
def test_rates_are_read(text, rates):
    assert parse_domain_rates(text) == rates


@pytest.mark.parametrize(
    "text",
    [
        *("nhs.net", "nhs.net=", "=5", "nhs=5", "*.nhs.net=5", "@nhs.net=5", "nhs.net=5;*=20", "a b.net=5"),
        *("nhs.net=fast", "nhs.net=0", "nhs.net=-1", "nhs.net=nan", "nhs.net=inf", "nhs.net=0.001"),
        *("nhs.net=5,NHS.net=6", "*=1,*=2"),
    ],
)
def test_rates_that_cannot_be_read_are_named(text):
    with pytest.raises(ImproperlyConfigured, match="SEND_DOMAIN_RATES"):
        parse_domain_rates(text)
