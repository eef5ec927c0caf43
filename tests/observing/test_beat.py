"""Of any number of beat processes one ticks; when it ends, or is killed, another takes over."""

from datetime import UTC, datetime, timedelta

import pytest
from celery.beat import Scheduler
from django.db import OperationalError, connection
from django.utils import timezone

from config import beat
from config.celery import app
from newsletter import heartbeats, leasing
from newsletter.models import Heartbeat, Lease

pytestmark = pytest.mark.django_db
LENGTH = 150
START = datetime(2026, 10, 25, 0, 59, tzinfo=UTC)  # an hour of which London has two


class World:
    """A clock for everybody, and who asked for tasks that were due."""

    def __init__(self):
        self.seconds = 0.0
        self.asked = []

    def now(self):
        return START + timedelta(seconds=self.seconds)

    def scheduler(self, name, fast=0.0):
        """A beat process. Its own clock may be fast; the database's is the same for all."""
        made = beat.LeasedScheduler(app, clock=lambda: self.seconds + fast, now=self.now, lazy=True)
        made.name = name
        return made

    def run(self, seconds, *schedulers):
        """Let time go by, ten seconds at a time; returns who asked."""
        self.asked.clear()
        for _ in range(seconds // 10):
            self.seconds += 10
            for one in schedulers:
                one.tick()
        return set(self.asked)


@pytest.fixture
def world(monkeypatch, settings):
    """Celery's part of a tick only notes who came to it."""
    settings.BEAT_LEASE_SECONDS = LENGTH
    made = World()
    monkeypatch.setattr(Scheduler, "tick", lambda scheduler: made.asked.append(scheduler.name) or 60.0)
    return made


def test_only_one_of_two_ticks(world):
    first, second = world.scheduler("first"), world.scheduler("second")
    assert world.run(600, first, second) == {"first"}
    assert Lease.objects.get().holder == "first"


def test_another_takes_over_when_the_lease_of_a_killed_one_is_over(world):
    first, second = world.scheduler("first"), world.scheduler("second")
    world.run(60, first, second)
    assert world.run(LENGTH - 40, second) == set(), "it may still be alive"
    assert world.run(60, second) == {"second"}


def test_one_that_revives_finds_that_it_lost_the_lease(world):
    first, second = world.scheduler("first"), world.scheduler("second")
    world.run(60, first, second)
    world.run(LENGTH + 60, second)
    assert world.run(60, first, second) == {"second"}


def test_another_takes_over_at_once_after_an_end_in_good_order(world):
    first, second = world.scheduler("first"), world.scheduler("second")
    world.run(60, first, second)
    first.close()
    assert world.run(20, second) == {"second"}


@pytest.mark.parametrize("fast", [-86_400.0, 86_400.0])
def test_clocks_of_machines_need_not_agree(world, fast):
    first, second = world.scheduler("first"), world.scheduler("second", fast=fast)
    assert world.run(600, first, second) == {"first"}


def test_a_scheduler_outlives_its_database_but_not_its_lease(world, monkeypatch):
    def gone(*args, **kwargs):
        raise OperationalError("the database is away")

    first, second = world.scheduler("first"), world.scheduler("second")
    world.run(60, first, second)
    with monkeypatch.context() as away:
        away.setattr(leasing, "hold", gone)
        away.setattr(heartbeats, "beat", gone)
        assert world.run(60, first, second) == {"first"}
        world.run(120, first, second)
        assert world.run(120, first, second) == set(), "nobody may be sure of it now"
    assert len(world.run(60, first, second)) == 1


def test_both_show_that_they_live(world):
    first, second = world.scheduler("first"), world.scheduler("second")
    world.run(60, first, second)
    assert set(Heartbeat.objects.values_list("name", "kind")) == {("first", "beat"), ("second", "beat")}
    second.close()
    assert not Heartbeat.objects.filter(name="second").exists()


def test_beat_uses_it(settings):
    assert settings.CELERY_BEAT_SCHEDULER == "config.beat:LeasedScheduler"
    assert app.conf.beat_scheduler == settings.CELERY_BEAT_SCHEDULER


# --- The lease by the database's own clock -------------------------------------------------------


def test_a_lease_is_for_one_and_may_be_renewed():
    assert leasing.hold("beat", "first", 60)
    assert not leasing.hold("beat", "second", 60)
    assert leasing.hold("beat", "first", 60)
    left = Lease.objects.get().until - timezone.now()
    assert timedelta(seconds=30) < left < timedelta(seconds=90)


def test_a_lease_that_is_over_goes_to_whoever_asks():
    assert leasing.hold("beat", "first", -1)
    assert leasing.hold("beat", "second", 60)
    assert not leasing.hold("beat", "first", 60)


def test_nobody_gives_back_the_lease_of_another():
    leasing.hold("beat", "first", 60)
    leasing.release("beat", "second")
    assert not leasing.hold("beat", "second", 60)
    leasing.release("beat", "first")
    assert leasing.hold("beat", "second", 60)


@pytest.mark.parametrize("others", [0, 50])
def test_renewing_is_one_statement(others, django_assert_num_queries):
    Lease.objects.bulk_create(Lease(name=f"x{n}", holder="x", until=timezone.now()) for n in range(others))
    leasing.hold("beat", "first", 60)
    with django_assert_num_queries(1):
        leasing.hold("beat", "first", 60)
    assert connection.vendor in {"sqlite", "postgresql"}
