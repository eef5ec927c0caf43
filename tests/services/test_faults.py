"""What surrounds the sending fails half-way, or repeats itself: nothing twice, nothing lost."""

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.faults import FAULTS
from benchmarks.kills import IN_DOUBT
from tests.services.conftest import ROOT


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What came of a send under each fault."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", "--json"], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_twice_and_nothing_lost(fault: str, results: dict[str, Any]) -> None:
    found = results[fault]
    assert found["finished"], found
    assert found["balanced"], found
    assert found["duplicates"] == found["lost"] == found["mistaken"] == found["failed"] == 0, found
    assert found["received"] > 250, found


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"postgres_restarted"}))
def test_nothing_is_in_doubt(fault: str, results: dict[str, Any]) -> None:
    found = results[fault]
    assert found["unknown"] == 0, found
    assert found["sent"] == found["received"], found


def test_a_database_that_crashes_leaves_at_most_one_group_of_each_worker_in_doubt(results: dict[str, Any]) -> None:
    assert results["postgres_restarted"]["unknown"] <= 2 * IN_DOUBT


def test_a_stopped_worker_drains_within_five_seconds_and_leaves_the_rest_to_others(results: dict[str, Any]) -> None:
    found = results["worker_stopped"]
    assert found["drained_in_time"], found
    assert found["in_hand_afterwards"] == found["in_doubt"] == 0, found
    assert found["left_to_others"] > 0, found


def test_two_senders_at_once_both_end_well(results: dict[str, Any]) -> None:
    assert results["sent_twice_at_once"]["ended_well"]
