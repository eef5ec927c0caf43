"""Readiness: what `/readyz` says, one entry per check (ADR 25).

Only what makes *this* process useless makes it unready: no database, or one without our migrations. Everything else
warns. A worker that is gone must not take the site down with it: people still read, join and leave.
"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from health_check.base import HealthCheck
from health_check.checks import Cache, Database

from config.observing import broker
from newsletter import gauges, heartbeats

PATIENCE = timedelta(seconds=2)  # with a service that does not answer
KEPT = 2.0  # seconds for which an answer is good: strangers may ask as often as they like
TICK_LATE = 300  # seconds; the periodic work is due every minute
PENDING_LATE = 6 * 3600  # seconds
REPORTS_LATE = 900  # seconds

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True)
class Said:
    """What one check says; an empty sentence when all is well."""

    status: str
    says: str = ""

    def shown(self) -> dict[str, str]:
        return {"status": self.status} | ({"says": self.says} if self.says else {})


@dataclass(frozen=True)
class Readiness:
    checks: dict[str, Said] = field(default_factory=dict)

    @property
    def status(self) -> str:
        found = {said.status for said in self.checks.values()}
        return "unavailable" if FAILED in found else "degraded" if WARNING in found else "ready"


@dataclass
class Broker(HealthCheck):
    """Whether messages for workers can be left."""

    timeout = PATIENCE

    def run(self) -> None:
        broker.depth()


_latest: tuple[float, Readiness] | None = None


def readiness() -> Readiness:
    """Ask every check, or repeat what was found a moment ago."""
    global _latest
    if not _latest or time.monotonic() - _latest[0] > KEPT:
        _latest = (time.monotonic(), Readiness(dict(_checks())))
    return _latest[1]


def _checks() -> Iterator[tuple[str, Said]]:
    reached = _services()
    yield "database", Said(OK) if reached["database"] else Said(FAILED, "The database does not answer.")
    if reached["database"]:
        try:
            yield from list(_in_the_database())
        except Error:
            yield "database", Said(FAILED, "The database cannot be read.")
    for name, sentence in SERVICES.items():
        yield name, _warning(not reached[name], sentence)


SERVICES = {
    "cache": "The cache does not answer: pages are made anew, and each process counts rate limits for itself.",
    "broker": "The broker does not answer: tasks wait for the next tick after it is back.",
}


def _services() -> dict[str, bool]:
    """Which of the services answer in time: asked side by side, in threads that nobody waits for in vain."""
    database = Database()
    database.timeout = PATIENCE
    asked: dict[str, Any] = {"database": database, "cache": Cache(timeout=PATIENCE), "broker": Broker()}
    executor = ThreadPoolExecutor(len(asked), thread_name_prefix="readyz")

    async def ask() -> list[Any]:
        return await asyncio.gather(*(check.get_result(executor) for check in asked.values()))

    try:
        results = asyncio.run(ask())
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
    return {name: not result.error for name, result in zip(asked, results, strict=True)}


_migrated = False


def _migrations() -> Said:
    """Asked until all were there once: they do not go away under a running process."""
    global _migrated
    if not _migrated:
        loader = MigrationLoader(connection)
        _migrated = all(leaf in loader.applied_migrations for leaf in loader.graph.leaf_nodes())
    return Said(OK) if _migrated else Said(FAILED, "Migrations are missing: run manage.py migrate.")


def _in_the_database() -> Iterator[tuple[str, Said]]:
    """At most eight statements, whatever the tables hold."""
    migrations = _migrations()
    yield "migrations", migrations
    if migrations.status != OK:
        return  # what is asked below may not be there
    lives = heartbeats.lives()
    nobody = heartbeats.Life()
    yield "worker", _warning(not lives.get("worker", nobody).alive, "No worker has shown itself for two minutes.")
    yield "scheduler", _warning(not gauges.scheduled(), "No beat process is the scheduler.")
    tick = gauges.age(lives.get(heartbeats.TICK, nobody).latest)
    yield "tick", _warning(tick is None or tick > TICK_LATE, "The periodic work has not been done for minutes.")
    yield "pending", _warning(gauges.oldest_pending() > PENDING_LATE, "A mailing has been under way for many hours.")
    yield "stuck", _warning(gauges.stuck(), "Deliveries are in the hands of workers that have gone.")
    yield "reports", _warning(gauges.reports().seconds > REPORTS_LATE, "Reports of the mail provider wait to be read.")
    yield "armed", _warning(not gauges.armed(), "Sending is disarmed.")


def _warning(wrong: object, sentence: str) -> Said:
    return Said(WARNING, sentence) if wrong else Said(OK)
