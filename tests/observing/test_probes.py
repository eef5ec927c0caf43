"""/healthz says that the process answers, /readyz whether it is of use; neither needs host name, HTTPS or session."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.models import Disarmed
from config.observing import broker, readiness
from newsletter import heartbeats
from newsletter.models import RawReport

pytestmark = pytest.mark.django_db
ALL = {
    *("database", "migrations", "worker", "scheduler", "tick", "pending", "stuck", "reports", "armed"),
    *("cache", "broker"),
}


def asked(client, address="/readyz"):
    response = client.get(address)
    return response.status_code, response.json()


def trouble(client):
    return {name: said["says"] for name, said in asked(client)[1]["checks"].items() if said["status"] != "ok"}


def test_healthz_asks_nobody(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert asked(client, "/healthz") == (200, {"status": "ok"})


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_probes_come_without_our_name_or_https(client, settings, alive, address):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
    settings.ALLOWED_HOSTS = ["ihop.example.org"]
    response = client.get(address, headers={"host": "10.1.2.3:8000"})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
def test_probes_take_nothing(client, address):
    assert client.post(address, {"x": "1"}).status_code == 405
    assert client.head(address).content == b""


def test_ready_when_all_is_well(client, alive):
    status, found = asked(client)
    assert (status, found["status"]) == (200, "ready")
    assert found["checks"] == {name: {"status": "ok"} for name in ALL}


def test_a_database_that_is_away_makes_it_unready_but_not_unhealthy(client, monkeypatch):
    def gone(*args, **kwargs):
        raise OperationalError("connection to jo@example.org failed")

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", gone)
    status, found = asked(client)
    assert (status, found["status"]) == (503, "unavailable")
    assert found["checks"]["database"] == {"status": "failed", "says": "The database does not answer."}
    assert "example.org" not in str(found)
    assert asked(client, "/healthz")[0] == 200


def test_missing_migrations_make_it_unready(client, alive, monkeypatch):
    monkeypatch.setattr(readiness, "_migrated", False)
    MigrationRecorder.Migration.objects.filter(app="newsletter").delete()
    status, found = asked(client)
    assert status == 503
    assert found["checks"]["migrations"]["says"] == "Migrations are missing: run manage.py migrate."


@pytest.mark.parametrize(("kind", "check"), [("worker", "worker"), (heartbeats.TICK, "tick")])
def test_processes_that_are_gone_are_only_a_warning(client, alive, lost, kind, check):
    """The site must not go down with its worker: people still read, join and leave."""
    lost(kind, minutes=10)
    assert set(trouble(client)) == {check}
    assert asked(client)[0] == 200
    assert asked(client, "/readyz?strict=1")[0] == 503


def test_nobody_there_at_all(client):
    assert set(trouble(client)) == {"worker", "scheduler", "tick"}


def test_stuck_and_late_deliveries_are_told(client, alive, under_way):
    under_way(started=timedelta(hours=7), lease=-timedelta(minutes=5), pending=2, sending=1)
    assert set(trouble(client)) == {"pending", "stuck"}


def test_deliveries_in_good_hands_are_not(client, alive, under_way):
    under_way(pending=2, sending=1, sent=3)
    assert trouble(client) == {}


def test_reports_that_nobody_reads_are_told(client, alive):
    early = timezone.now() - timedelta(hours=1)
    RawReport.objects.create(provider="mailgun", body=b"", digest="1", received_at=early)
    assert set(trouble(client)) == {"reports"}
    RawReport.objects.update(problem="It cannot be read.")
    assert trouble(client) == {}, "those have an alert of their own"


@pytest.mark.parametrize("how", ["setting", "row"])
def test_a_disarmed_copy_says_so(client, alive, settings, how):
    if how == "setting":
        settings.SENDING_ARMED = False
    else:
        Disarmed.objects.create(pk=1, because="restored")
    assert trouble(client) == {"armed": "Sending is disarmed."}


def test_a_broker_or_cache_that_is_away_is_a_warning(client, alive, monkeypatch):
    def gone(*args, **kwargs):
        raise ConnectionError("redis://:secret@10.0.0.1")

    monkeypatch.setattr(broker, "depth", gone)
    monkeypatch.setattr(cache, "aset", gone, raising=False)
    found = trouble(client)
    assert found.pop("broker").startswith("The broker does not answer")
    assert "secret" not in client.get("/readyz").content.decode()


def test_a_cache_that_is_away_keeps_nobody_out(client, alive, monkeypatch):
    """What is said must be so: the site goes on without it (ADR 31)."""

    class Away(readiness.Broker):
        def run(self):
            raise ConnectionError

    monkeypatch.setattr(readiness, "Cache", lambda timeout: Away())
    (sentence,) = trouble(client).values()
    assert sentence.startswith("The cache does not answer: pages are made anew")


@pytest.mark.parametrize("size", [1, 200])
def test_it_costs_the_same_whatever_the_ledger_holds(client, alive, under_way, size):
    under_way(pending=size, claimed=size, sent=size, unknown=size)
    RawReport.objects.bulk_create(RawReport(provider="x", body=b"", digest=str(n)) for n in range(size))
    asked(client)  # the migrations are looked at once
    with CaptureQueriesContext(
        connection,
    ) as queries:
        asked(client)
    assert len(queries) == 7


def test_answers_are_kept_for_a_moment(client, alive, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(readiness, "KEPT", 60.0)
    monkeypatch.setattr(readiness, "_latest", None)
    first = asked(client)
    with django_assert_num_queries(0):
        assert asked(client) == first
