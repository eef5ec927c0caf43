"""Holding a worker at a boundary of the ledger: it waits for a lock of ours with its next statement in its hands.

The table is locked, whoever wants to write to it waits, and PostgreSQL says who waits with which statement. Killed
now, a worker has not moved on; whether its statement still counts is ours to choose: either the server ends the
connection, or it carries the statement out for a client that is dead.
"""

import time
import uuid
from collections.abc import Callable

import psycopg

from benchmarks.chaos.nursery import Forked
from benchmarks.ground import LIVE, Ground
from benchmarks.runs import left_over

# A part of each statement by which it is known (`newsletter/ledger/`).
BOUNDARIES = {
    "claim": "SET state = 'claimed'",
    "mark": "THEN 'sending' ELSE 'skipped'",
    "record": "CASE WHEN d.state = 'unknown'",
}
LONGEST = 4.0  # seconds in which one is to come to that statement
LOOK = 0.4  # seconds in which everybody comes to the lock; whoever waits for something else is let go again
LOCK = "LOCK TABLE newsletter_delivery IN EXCLUSIVE MODE"
WAITING = """
    SELECT pid, application_name, query FROM pg_stat_activity
    WHERE datname = %s AND wait_event_type = 'Lock' AND application_name LIKE 'worker%%'
"""


def caught_at(boundary: str, ground: Ground, act: Callable[[Forked], None], *, counts: bool) -> Forked | None:
    """Do something to a worker that is about to claim, mark or record. Returns it, or None when none came there.

    `counts`: whether the statement it waits with is carried out afterwards.
    """
    words, until = (BOUNDARIES[boundary], _prepared_name(boundary)), time.monotonic() + LONGEST
    with psycopg.connect(ground.postgres.url(LIVE)) as connection:
        while time.monotonic() < until and left_over():
            connection.execute(LOCK)
            looked = time.monotonic()
            while time.monotonic() < looked + LOOK:
                connection.execute("SELECT pg_stat_clear_snapshot()")  # else it is read once a transaction
                for pid, name, query in connection.execute(WAITING, [LIVE]).fetchall():
                    worker = next((one for one in ground.workers if one.name == name and not one.is_over), None)
                    if worker and any(word in query for word in words):
                        act(worker)
                        if not counts:
                            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                        return worker
                time.sleep(0.01)
            connection.rollback()
    return None


def _prepared_name(boundary: str) -> str:
    """The name under which every process prepares this statement: our own does so here, for nobody."""
    from django.db import connection

    from newsletter import ledger

    nobody, nothing = uuid.uuid4(), 0
    ledger.claim(issue=nothing, attempt=nobody, limit=0)
    ledger.mark_sending(issue=nothing, attempt=nobody, rows=[ledger.Claimed(nothing, nobody)])
    ledger.finish(attempt=nobody, state="sent", rows=[(nothing, "")])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_prepared_statements WHERE position(%s IN statement) > 0", [BOUNDARIES[boundary]]
        )
        names = [name for (name,) in cursor.fetchall()]
    assert len(names) == 1, f"the statement of the {boundary} is not known by {BOUNDARIES[boundary]!r} any more"
    return str(names[0])
