"""Metrics for Prometheus: computed from the database when asked, beside what processes count (`counters.py`).

Labels are kinds, states, periods and names of tasks: never anything about a person.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import Error
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily

from config.observing import broker, counters
from newsletter import gauges, heartbeats

PATIENCE = 2.0  # seconds, with a broker that does not answer


class _Once:
    """What prometheus_client writes out: anything that collects."""

    def __init__(self, families: Iterable[Any]) -> None:
        self.families = families

    def collect(self) -> Iterable[Any]:
        return self.families


def exposition() -> bytes:
    """Everything, in Prometheus' text format. A database that is away costs only what stands in it."""
    found = list(counters.families())
    try:
        found += _of_the_database()
        found.append(_gauge("ihop_database_up", "Whether the database answers.", 1))
    except Error:
        found.append(_gauge("ihop_database_up", "Whether the database answers.", 0))
    found += _of_the_broker()
    write: Any = generate_latest  # takes whatever collects
    return bytes(write(_Once(found)))


def _of_the_database() -> list[GaugeMetricFamily]:
    """A fixed number of statements for each mailing under way, and a fixed number beside."""
    return [*_work(), *_mailings(), *_processes()]


def _work() -> Iterator[GaugeMetricFamily]:
    reports, hits, totals = gauges.reports(), gauges.unjudged(), gauges.stale_totals()
    yield _gauge("ihop_sending_armed", "Whether this installation may mail members.", gauges.armed())
    yield _gauge("ihop_scheduler_up", "Whether a beat process is the scheduler.", gauges.scheduled())
    yield _gauge("ihop_pending_oldest_seconds", "Since a mailing with work left was begun.", gauges.oldest_pending())
    yield _gauge("ihop_deliveries_stuck", "Deliveries in the hands of workers that have gone.", gauges.stuck())
    yield _gauge("ihop_deliveries_unknown", "Deliveries that wait for proof or a decision.", gauges.unknown())
    yield _gauge("ihop_reports_waiting", "Reports of the mail provider not read yet.", reports.count)
    yield _gauge("ihop_reports_oldest_seconds", "Since the oldest of them came.", reports.seconds)
    yield _gauge("ihop_reports_unreadable", "Reports of the mail provider given up.", gauges.unreadable())
    yield _gauge("ihop_hits_unjudged", "Opens and clicks not judged yet.", hits.count)
    yield _gauge("ihop_hits_unjudged_oldest_seconds", "Since the oldest of them came.", hits.seconds)
    yield _gauge("ihop_totals_stale", "Issues whose totals are behind.", totals.count)
    yield _gauge("ihop_totals_stale_oldest_seconds", "Since the oldest of them fell behind.", totals.seconds)
    yield _gauge("ihop_provider_hold_seconds", "For how long the mail provider wants nothing.", gauges.hold())
    if (age := gauges.daily_age()) is not None:
        yield _gauge("ihop_daily_age_seconds", "Since the last complete daily run.", age)


def _mailings() -> Iterator[GaugeMetricFamily]:
    deliveries = _family("ihop_deliveries", "Deliveries of mailings under way or just ended.", ["issue", "state"])
    rates = _family("ihop_send_rate", "Messages a second, over the last half minute.", ["issue"])
    mailings = _family("ihop_mailing", "Mailings under way or just ended, by state.", ["issue", "state"])
    for one in gauges.progress():
        mailings.add_metric([one.period, one.state], 1)
        for state, number in one.deliveries.items():
            deliveries.add_metric([one.period, state], number)
        if one.rate is not None:
            rates.add_metric([one.period], one.rate)
    yield from (deliveries, rates, mailings)


def _processes() -> Iterator[GaugeMetricFamily]:
    alive = _family("ihop_processes", "Processes that have shown themselves lately.", ["kind"])
    ages = _family("ihop_heartbeat_age_seconds", "Since the last sign of life of a kind.", ["kind"])
    lives = heartbeats.lives()
    for kind in sorted({"worker", "beat", heartbeats.TICK} | lives.keys()):
        life = lives.get(kind, heartbeats.Life())
        alive.add_metric([kind], life.alive)
        if (age := gauges.age(life.latest)) is not None:
            ages.add_metric([kind], age)
    yield from (alive, ages)


def _of_the_broker() -> Iterator[GaugeMetricFamily]:
    executor = ThreadPoolExecutor(1, thread_name_prefix="metrics")
    try:
        depth = executor.submit(broker.depth).result(timeout=PATIENCE)
    except Exception:  # whatever its client raises, or too late
        yield _gauge("ihop_broker_up", "Whether the broker answers.", 0)
    else:
        yield _gauge("ihop_broker_up", "Whether the broker answers.", 1)
        yield _gauge("ihop_queue_depth", "Messages that no worker has taken yet.", depth)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _gauge(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, value=float(value))


def _family(name: str, says: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, labels=labels)
