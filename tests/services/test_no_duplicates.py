"""Sending twice, twice at once, or with a killed sender: nobody gets the same issue twice."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.conftest import ROOT, Installation


class Sink:
    """An SMTP server that counts what each recipient got."""

    def __init__(self, report: Path) -> None:
        self.report = report
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.simulators.smtp", "--report", str(report)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def counts(self) -> dict[str, int]:
        """End the sink and return what it counted."""
        self.process.terminate()
        self.process.wait(timeout=20)
        counts: dict[str, int] = json.loads(self.report.read_text())
        return {address: count for address, count in counts.items() if address.startswith("member")}


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    made = Sink(tmp_path / "sink.json")
    yield made
    made.process.kill()


def prepared(installation: Installation, members: int) -> str:
    period: str = installation.command("demo", "--members", str(members), "--no-send")["issue"]
    installation.command("approve_issue", period, "--by", "approver@example.org")
    return period


@pytest.mark.parametrize("kind", ["embedded", "production_like"])
def test_two_senders_at_once_and_a_third_later(kind: str, request: pytest.FixtureRequest, sink: Sink) -> None:
    installation: Installation = request.getfixturevalue(kind)
    installation.environment |= {"EMAIL_PROVIDER": "smtp", "EMAIL_URL": f"smtp://127.0.0.1:{sink.port}"}
    period = prepared(installation, 400)
    both = [installation.start("send_issue", period, "--wait", "--json") for _ in range(2)]
    for sender in both:
        _, err = sender.communicate(timeout=120)
        assert sender.returncode == 0, err
    again = installation.command("send_issue", period, "--wait")
    counts = sink.counts()
    assert again["balanced"]
    assert again["sent"] == len(counts) == sum(counts.values()) > 250


def test_a_killed_sender_leaves_at_most_one_group_in_doubt(production_like: Installation, sink: Sink) -> None:
    production_like.environment |= {
        "EMAIL_PROVIDER": "smtp",
        "EMAIL_URL": f"smtp://127.0.0.1:{sink.port}",
        "SEND_LEASE_SECONDS": "5",
        "SEND_RATE_PER_SECOND": "200",
    }
    period = prepared(production_like, 400)
    sender = production_like.start("send_issue", period, "--wait")
    deadline = time.monotonic() + 60
    while production_like.command("certify_issue", period, check=False).get("sent", 0) < 50:
        assert time.monotonic() < deadline
    sender.send_signal(signal.SIGKILL)
    sender.communicate(timeout=10)

    final = production_like.command("send_issue", period, "--wait")
    counts = sink.counts()
    assert final["balanced"]
    assert final["pending"] == final["claimed"] == final["sending"] == final["retry_wait"] == 0
    assert final["unknown"] <= 50
    assert max(counts.values()) == 1, "somebody was mailed twice"
    assert final["sent"] <= len(counts) <= final["sent"] + final["unknown"]
