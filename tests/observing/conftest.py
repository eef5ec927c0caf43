"""The world as probes and metrics find it: a whole installation, and a ledger of any size."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.observing import readiness
from newsletter import heartbeats, leasing
from newsletter.models import Delivery, Edition, Heartbeat, Mailing
from tests import factories


@pytest.fixture(autouse=True)
def answers_are_not_kept(monkeypatch):
    monkeypatch.setattr(readiness, "KEPT", -1.0)


@pytest.fixture
def alive(db):
    """Worker, scheduler and tick, as they are when all is well."""
    for kind in ("worker", "beat", heartbeats.TICK):
        heartbeats.beat(f"{kind}@one", kind)
    leasing.hold("beat", "beat@one", 60)


@pytest.fixture
def under_way(issue):
    """Makes a mailing under way with so many deliveries in each state."""

    def make(started=timedelta(minutes=5), lease=timedelta(minutes=5), **states):
        now = timezone.now()
        Mailing.objects.create(issue=issue, state=Mailing.State.SENDING, started_at=now - started)
        edition = Edition.objects.create(
            issue=issue, number=1, label="all", subject="x", html="", text="", content_hash="x"
        )
        for state, number in states.items():
            held = {"attempt": "0" * 32, "lease_until": now + lease} if state in {"claimed", "sending"} else {}
            why = {"reason": "because"} if state in {"unknown", "failed", "skipped"} else {}
            Delivery.objects.bulk_create(
                Delivery(issue=issue, edition=edition, state=state, **held, **why) for _ in range(number)
            )
        return issue

    return make


@pytest.fixture
def lost(db):
    """Makes processes of a kind go quiet so long ago."""

    def make(kind, **ago):
        Heartbeat.objects.filter(kind=kind).update(at=timezone.now() - timedelta(**ago))

    return make


@pytest.fixture
def members_exist(db):
    return factories.six_members()
