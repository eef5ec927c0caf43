"""A slice of `make fuzz`: every address is asked some things, and none breaks."""

import json
import subprocess
import sys

from tests.services.conftest import ROOT

REQUESTS = 1000


def test_no_address_breaks() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fuzz", "--json", "--seed", "2", "--requests", str(REQUESTS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.stdout.strip(), done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["failures"] == {}
    assert found["requests"] >= REQUESTS
    assert found["statuses"]["200"] > REQUESTS / 20
