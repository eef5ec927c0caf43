"""Hits are judged once their window has closed: in batches, once, and whoever else is at it."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from newsletter import judging
from newsletter.judging import judge_batch, judge_due
from newsletter.models import Delivery, Hit, Link, Rollup
from newsletter.ticking import run_due
from tests import factories
from tests.newsletter.fakes import open_mailing, send_by_hand

PEOPLE = 6


@pytest.fixture
def deliveries(db) -> list[Delivery]:
    people = [factories.subscription(f"p{n}@example.org", track_clicks=True, track_opens=True) for n in range(PEOPLE)]
    issue = open_mailing(people)
    Link.objects.bulk_create(Link(issue=issue, number=n, url=f"https://example.org/{n}/") for n in range(1, 9))
    send_by_hand(issue)
    Delivery.objects.update(handed_at=timezone.now() - timedelta(hours=9))
    return list(Delivery.objects.order_by("pk"))


def hit(delivery: Delivery, minutes: float, number: int = 0, **more: object) -> Hit:
    """A click on link `number`, or an open, so many minutes ago."""
    link = Link.objects.get(issue=delivery.issue_id, number=number) if number else None
    at = timezone.now() - timedelta(minutes=minutes)
    more.setdefault("what", "click" if link else "open")
    return Hit.objects.create(delivery=delivery, link=link, at=at, network=7, **more)


def verdicts() -> list[str]:
    return [one.reason for one in Hit.objects.order_by("pk")]


def test_waits_until_the_window_has_closed(deliveries):
    hit(deliveries[0], 29)
    assert judge_due() == 0
    assert verdicts() == [""]
    hit(deliveries[1], 31)
    assert judge_due() == 1
    assert verdicts() == ["", "nothing"]


def test_says_why_by_which_rules_and_forgets_the_network(deliveries):
    hit(deliveries[0], 40, 1)
    judge_due()
    one = Hit.objects.get()
    assert (one.verdict, one.reason, one.rules, one.network) == ("human", "nothing", 1, None)


def test_a_burst_at_the_edge_of_the_window_is_judged_as_one(deliveries):
    for number in range(1, 6):
        hit(deliveries[0], 30 + (3 - number) / 60, number)
    hit(deliveries[0], 20, 6)
    assert judge_due() == 5
    assert verdicts() == ["burst"] * 5 + [""]


def test_what_came_later_is_evidence_already(deliveries):
    """A link was followed nine minutes after a proxy fetched the picture; the click itself still waits."""
    hit(deliveries[0], 31, signals=Hit.Signal.VEILED)
    hit(deliveries[0], 22, 1)
    assert judge_due() == 1
    assert verdicts() == ["then_clicked", ""]


def test_what_was_judged_before_is_evidence_still(deliveries):
    hit(deliveries[0], 50, 1)
    judge_due()
    hit(deliveries[0], 50.003, 2)  # reported late
    judge_due()
    assert verdicts() == ["nothing", "burst"]


def test_what_was_reported_late_waits_from_then_on(deliveries):
    """A provider tells of four clicks, a tenth of a second apart, two hours later and one by one."""
    now = timezone.now()
    for number in range(1, 5):
        hit(deliveries[0], 120 - number / 600, number, reported_at=now - timedelta(minutes=20 - number))
        assert judge_due() == 0
    Hit.objects.update(reported_at=F("reported_at") - timedelta(minutes=12))  # so that one is due, and not the others
    assert judge_due() == 4
    assert verdicts() == ["burst"] * 4


def test_what_was_reported_a_moment_ago_is_not_judged_yet(deliveries):
    hit(deliveries[0], 120, 1, reported_at=timezone.now() - timedelta(minutes=29))
    hit(deliveries[0], 100, 2)
    assert judge_due() == 1
    assert verdicts() == ["", "nothing"]


def test_looks_at_the_page_to_leave_go_with_the_verdict(deliveries):
    hit(deliveries[0], 40, what="leave")
    hit(deliveries[0], 40, 1)
    hit(deliveries[1], 40, what="leave")
    hit(deliveries[2], 20, what="leave")
    judge_due()
    assert sorted(Hit.objects.values_list("what", "reason")) == [("click", "leaving"), ("leave", "")]


def test_issues_concerned_are_counted_again_and_no_others(deliveries):
    hit(deliveries[0], 20)
    judge_due()
    assert not Rollup.objects.exists()
    hit(deliveries[0], 40)
    judge_due()
    assert Rollup.objects.get().issue_id == deliveries[0].issue_id


def test_again_changes_nothing(deliveries):
    for delivery in deliveries:
        hit(delivery, 40, 1)
    assert judge_due() == PEOPLE
    before = list(Hit.objects.values())
    Rollup.objects.update(stale_since=None)
    assert judge_due() == 0
    assert list(Hit.objects.values()) == before
    assert not Rollup.objects.exclude(stale_since=None).exists()


def test_batches_come_to_the_same(deliveries, monkeypatch):
    for number, delivery in enumerate(deliveries):
        for minute in range(number):
            hit(delivery, 300 - minute * 20, 1 + minute % 8)
    monkeypatch.setattr(judging, "BATCH", 2)
    monkeypatch.setattr(judging, "MOST", 3)
    assert judge_due() == sum(range(PEOPLE))
    assert set(verdicts()) == {"nothing"}


def test_as_many_statements_for_many_as_for_few(deliveries, django_assert_num_queries):
    statements = 9  # two of them the transaction's savepoint
    hit(deliveries[0], 40, 1)
    hit(deliveries[0], 40, what="leave")
    with django_assert_num_queries(statements):
        judge_batch()
    for delivery in deliveries:
        for number in range(1, 9):
            hit(delivery, 40, number)
        hit(delivery, 40, what="leave")
    with django_assert_num_queries(statements):
        judge_batch()
    assert not Hit.objects.filter(verdict="").exists()


def test_the_tick_judges(deliveries):
    hit(deliveries[0], 40)
    assert run_due().judged == 1
