"""Workers killed with SIGKILL at seeded moments, on PostgreSQL and Redis: nobody twice, nobody lost.

A few seeds, and one misbehaviour of each sort; `make kills` tries twenty and all twelve, in the same way.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.kills import IN_DOUBT
from tests.services.conftest import ROOT

SEEDS = range(5, 9)  # of these, two kill one worker and two kill both
# Refused, taken without saying so, never answered, and some of a batch refused.
MISBEHAVIOURS = ("429=0.03", "reset-after=0.1", "hang-after=0.03:4", "partial=0.1")

Runs = list[dict[str, Any]]


def killed(*options: str) -> Runs:
    """One series. They run one after the other: side by side they would wait for each other's processors."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", "--json", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.stdout.strip(), done.stderr
    runs: Runs = json.loads(done.stdout.splitlines()[-1])["runs"]
    return runs


@pytest.fixture(scope="module")
def smtp_runs() -> Runs:
    return killed("--provider", "smtp", "--first-seed", str(SEEDS.start), "--runs", str(len(SEEDS)))


@pytest.fixture(scope="module")
def http_runs() -> Runs:
    return killed("--provider", "http", *(f"--misbehave={one}" for one in MISBEHAVIOURS))


def nobody_twice_nobody_lost(run: dict[str, Any]) -> bool:
    accounted = run["sent"] + run["failed"] + run["skipped"] + run["unknown"] == run["frozen"]
    return run["finished"] and run["balanced"] and accounted and not run["duplicates"] + run["lost"] + run["mistaken"]


def test_each_seed_killed_somebody_in_the_middle_of_the_send(smtp_runs: Runs) -> None:
    assert len(smtp_runs) == len(SEEDS)
    assert {run["killed"] for run in smtp_runs} == {1, 2}
    assert sum(0 < run["at_the_kill"] < run["people"] for run in smtp_runs) >= len(SEEDS) / 2
    assert max(run["in_doubt"] for run in smtp_runs) > 0


@pytest.mark.parametrize("place", range(len(SEEDS)), ids=SEEDS)
def test_killed_workers_over_smtp(place: int, smtp_runs: Runs) -> None:
    run = smtp_runs[place]
    assert nobody_twice_nobody_lost(run), run
    assert run["unknown"] == run["in_doubt"] <= IN_DOUBT * run["killed"], run
    assert run["sent"] <= run["received"] <= run["sent"] + run["unknown"], run


@pytest.mark.parametrize("place", range(len(MISBEHAVIOURS)), ids=MISBEHAVIOURS)
def test_killed_workers_and_a_provider_that_misbehaves(place: int, http_runs: Runs) -> None:
    run = http_runs[place]
    assert nobody_twice_nobody_lost(run), run
    assert run["unknown"] == 0, run
    assert run["never_asked"] <= IN_DOUBT * run["killed"], run
    assert set(run["events"]) == {"200"}, run


def test_events_settled_what_only_the_provider_knew(http_runs: Runs) -> None:
    assert sum(run["in_doubt"] - run["never_asked"] for run in http_runs) > 0
