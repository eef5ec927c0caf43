"""Two real beat processes on PostgreSQL and Redis: one is the scheduler, and when it is killed the other becomes it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.services.conftest import Installation

LEASE = 6  # seconds; 150 in earnest


@pytest.fixture
def start(production_like: Installation) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    production_like.environment |= {"BEAT_LEASE_SECONDS": str(LEASE), "LOG_LEVEL": "INFO", "LOG_FORMAT": "json"}
    started: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        started.append(production_like.process([sys.executable, "-m", "celery", "-A", "config", "beat"]))
        return started[-1]

    yield begin
    for one in started:
        one.kill()
        one.communicate(timeout=20)


def holder(installation: Installation) -> str:
    """The process that has the lease; nothing when nobody has it, or it is over."""
    with psycopg.connect(installation.environment["DATABASE_URL"], autocommit=True) as connection:
        sql = "SELECT holder FROM newsletter_lease WHERE name = 'beat' AND until > now()"
        row = connection.execute(sql).fetchone()
    return row[0] if row else ""


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def owns(process: subprocess.Popen[str], name: str) -> bool:
    return f":{process.pid}:" in name


def test_another_beat_takes_over(production_like: Installation, start: Callable[[], subprocess.Popen[str]]) -> None:
    first = start()
    until(lambda: owns(first, holder(production_like)), "the first beat did not become the scheduler")
    second = start()
    with psycopg.connect(production_like.environment["DATABASE_URL"], autocommit=True) as connection:
        both = "SELECT count(*) FROM newsletter_heartbeat WHERE kind = 'beat'"
        until(lambda: connection.execute(both).fetchone() == (2,), "the second beat did not start")
    assert owns(first, holder(production_like)), "there is one scheduler only"

    first.send_signal(signal.SIGKILL)
    until(lambda: owns(second, holder(production_like)), "nobody took over")
    second.terminate()
    _, log = second.communicate(timeout=30)
    assert holder(production_like) == "", "it gives the lease back when it ends in good order"
    assert "is now the scheduler" in log
    assert '"level": "INFO"' in log
