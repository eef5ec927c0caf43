"""The benchmarks that docs/performance.md and docs/scaling.md name still run, in small; no speed is asserted."""

import json
import subprocess
import sys
from typing import Any

from tests.services.conftest import ROOT


def run(module: str, **options: int) -> dict[str, Any]:
    """The last line of a benchmark. It ends with 1 when a figure is too low, which a busy machine may well say."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *words], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode in {0, 1}, done.stderr[-3000:]
    assert done.stdout, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_what_comes_in() -> None:
    found = run("ingest", deliveries=300, events=200, seconds=2, pairs=1)
    assert found["clicks"]["clicks_per_second"] > 0
    assert [one["events_in_a_post"] for one in found["reading"]] == [1, 100, 1000]


def test_a_send_while_people_read() -> None:
    found = run("load", members=600, rate=40, visitors=4, seconds=4, pause=1)
    assert found["certificate"] == {"frozen": 600, "sent": 600, "proved": True}
    assert set(found["visits"]["statuses"]) == {"200"}
