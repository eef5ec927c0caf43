"""Signs of life: written beside the work, counted by kind, and forgotten."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from config.observing import heart
from newsletter import heartbeats
from newsletter.models import Heartbeat

pytestmark = pytest.mark.django_db


def seen(name, kind="worker", **ago):
    return Heartbeat.objects.create(name=name, kind=kind, at=timezone.now() - timedelta(**ago))


def test_a_process_has_one_row_that_moves_on(django_assert_num_queries):
    seen("worker@one", seconds=300)
    with django_assert_num_queries(1):
        heartbeats.beat("worker@one", "worker")
    assert timezone.now() - Heartbeat.objects.get().at < timedelta(seconds=60)


def test_those_who_went_long_ago_are_forgotten():
    seen("worker@old", days=2)
    seen("worker@lately", hours=2)
    heartbeats.beat("worker@new", "worker")
    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"worker@lately", "worker@new"}


def test_the_tick_is_never_forgotten():
    """Whoever starts would otherwise end the alert that it has not run for days."""
    seen(heartbeats.TICK, heartbeats.TICK, days=3)
    heartbeats.beat("worker@new", "worker")
    assert timezone.now() - heartbeats.lives()[heartbeats.TICK].latest > timedelta(days=2)


@pytest.mark.parametrize("others", [1, 40])
def test_lives_are_counted_by_kind_in_one_statement(others, django_assert_num_queries):
    for number in range(others):
        seen(f"worker@{number}", seconds=10)
    seen("worker@lost", seconds=300)
    seen("beat@one", "beat", seconds=400)
    with django_assert_num_queries(1):
        lives = heartbeats.lives()
    assert lives["worker"].alive == others
    assert lives["beat"].alive == 0
    assert timezone.now() - lives["beat"].latest > timedelta(seconds=390)


def test_the_heart_beats_and_leaves_in_good_order(monkeypatch):
    monkeypatch.setattr(heart.connection, "close", lambda: None)  # the test's own
    heart.pulse("worker", "worker@one")
    assert Heartbeat.objects.get().kind == "worker"
    heart.pulse("worker", "worker@one", ending=True)
    assert not Heartbeat.objects.exists()


def test_the_heart_outlives_its_database(monkeypatch, caplog):
    def gone(*args):
        raise OperationalError("connection to jo@example.org lost")

    monkeypatch.setattr(heart.connection, "close", lambda: None)
    monkeypatch.setattr(heartbeats, "beat", gone)
    heart.pulse("worker", "worker@one")
    assert caplog.messages == ["no sign of life could be written: OperationalError"]


def test_names_tell_processes_apart_and_fit():
    name = heartbeats.process_name("worker")
    assert name.startswith("worker@")
    assert len(name) <= 100
