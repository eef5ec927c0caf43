"""Figures for Prometheus: right, about nobody, at a fixed cost, for whoever may read them."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from newsletter.models import Hit, RawReport, Rollup, Throttle

pytestmark = pytest.mark.django_db
LABELS = {"area", "method", "status", "le", "task", "outcome", "issue", "state", "kind"}


@pytest.fixture(autouse=True)
def nothing_counted_before():
    cache.clear()


def read(client, **headers):
    response = client.get("/metrics", **headers)
    assert response.status_code == 200
    return [sample for family in text_string_to_metric_families(response.content.decode()) for sample in family.samples]


def value(client, name, **labels):
    (found,) = [one.value for one in read(client) if one.name == name and one.labels == labels]
    return found


def test_a_mailing_under_way(client, under_way):
    under_way(pending=3, sent=5, unknown=1)
    assert value(client, "ihop_deliveries", issue="2026-10", state="pending") == 3
    assert value(client, "ihop_deliveries", issue="2026-10", state="sent") == 5
    assert value(client, "ihop_deliveries", issue="2026-10", state="failed") == 0
    assert value(client, "ihop_mailing", issue="2026-10", state="sending") == 1
    assert 299 < value(client, "ihop_pending_oldest_seconds") < 400
    assert value(client, "ihop_deliveries_unknown") == 1


def test_deliveries_whose_worker_has_gone(client, under_way):
    under_way(lease=-timedelta(minutes=10), claimed=2, sending=1)
    assert value(client, "ihop_deliveries_stuck") == 3


def test_processes_and_their_signs_of_life(client, alive, lost):
    lost("worker", minutes=10)
    assert value(client, "ihop_processes", kind="worker") == 0
    assert value(client, "ihop_processes", kind="beat") == 1
    assert 599 < value(client, "ihop_heartbeat_age_seconds", kind="worker") < 700
    assert value(client, "ihop_scheduler_up") == 1


def test_what_waits_behind_the_answer(client, under_way):
    issue = under_way(sent=1)
    early = timezone.now() - timedelta(minutes=20)
    RawReport.objects.create(provider="mailgun", body=b"", digest="1", received_at=early)
    RawReport.objects.create(provider="mailgun", body=b"", digest="2", problem="It cannot be read.")
    Hit.objects.create(delivery=issue.deliveries.get(), what=Hit.What.OPEN, at=early)
    Rollup.objects.create(issue=issue, stale_since=early)
    Throttle.objects.create(provider="file", hold_until=timezone.now().timestamp() + 60)
    assert value(client, "ihop_reports_waiting") == 1
    assert value(client, "ihop_reports_unreadable") == 1
    assert value(client, "ihop_hits_unjudged") == 1
    assert value(client, "ihop_totals_stale") == 1
    for name in (
        "ihop_reports_oldest_seconds",
        "ihop_hits_unjudged_oldest_seconds",
        "ihop_totals_stale_oldest_seconds",
    ):
        assert 1199 < value(client, name) < 1300
    assert 0 < value(client, "ihop_provider_hold_seconds") <= 60


def test_messages_that_wait_in_the_broker(client):
    assert value(client, "ihop_broker_up") == 1
    assert value(client, "ihop_queue_depth") >= 0


def test_a_database_that_is_away_costs_only_what_stands_in_it(client, monkeypatch):
    def gone(*args, **kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", gone)
    assert value(client, "ihop_database_up") == 0
    assert value(client, "ihop_broker_up") == 1


def test_no_label_is_about_anybody(client, members_exist, under_way, alive):
    under_way(sent=2)
    client.get("/directory/?q=jo@example.org", headers={"user-agent": "somebody"})
    samples = read(client)
    assert {label for one in samples for label in one.labels} <= LABELS
    assert not [one for one in samples for text in one.labels.values() if "@" in text or len(text) > 60]


@pytest.mark.parametrize("size", [1, 200])
def test_it_costs_the_same_whatever_the_ledger_holds(client, alive, under_way, size):
    under_way(pending=size, sent=size, unknown=size)
    RawReport.objects.bulk_create(RawReport(provider="x", body=b"", digest=str(n)) for n in range(size))
    read(client)
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        read(client)
    assert len(queries) == 15


# --- Who may read them ---------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_without_a_token_this_machine_only(client, address):
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.7", "203.0.113.7", "", "unix:"])
def test_without_a_token_no_other_machine(client, address):
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 401


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"])
def test_a_proxy_on_this_machine_is_not_this_machine(client, name):
    assert client.get("/metrics", headers={name: "x"}).status_code == 401


def test_with_a_token_whoever_has_it(client, settings):
    settings.METRICS_TOKEN = "a-long-random-string"
    right = {"Authorization": "Bearer a-long-random-string"}
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.7", headers=right).status_code == 200
    for wrong in ("", "Bearer ", "Bearer a-long-random-strinG", "Basic a-long-random-string", "Bearer ä"):
        response = client.get("/metrics", headers={"Authorization": wrong})
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
    assert client.get("/metrics").status_code == 401, "also from this machine"
