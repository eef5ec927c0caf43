"""Rendering is once per edition; memory and statements do not grow with the number of members."""

import json
import subprocess
import sys

from tests.services.conftest import ROOT


def test_ten_thousand_members_in_forty_editions() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.figures", "--members", "10000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["members"] == figures["certificate"]["sent"] == figures["received"] == 10_000
    assert figures["received_twice"] == 0
    assert figures["renders"] == figures["editions"] == 40
    assert figures["queries_constant"], figures["queries_per_batch"]
    assert figures["memory_flat"], figures["memory_growth_mb"]
