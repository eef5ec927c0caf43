"""Two processes that send at once keep to one rate together: their turns, booked in PostgreSQL, never overlap."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.services.conftest import Installation

RATE, ROUNDS = 20, 15
# Books a second's worth of messages whenever it is told to, and says from which moment on it may send how many.
BOOKER = """
import json, sys, time
import django
django.setup()
from newsletter.flow import Flow
asked = []
flow = Flow("file", lambda: asked.append(time.time()) or asked[-1])
print("ready", flush=True)
for line in sys.stdin:
    grant = flow.grant(50)
    print(json.dumps([asked[-1] + grant.wait, grant.count]), flush=True)
"""


@pytest.fixture
def bookers(production_like: Installation) -> Iterator[list[subprocess.Popen[str]]]:
    production_like.environment["SEND_RATE_PER_SECOND"] = str(RATE)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", BOOKER],
            env=production_like.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    yield both
    for one in both:
        one.kill()
        one.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_two_processes_keep_to_one_rate(bookers: list[subprocess.Popen[str]]) -> None:
    assert [said(one) for one in bookers] == ["ready", "ready"]
    turns = []
    for _ in range(ROUNDS):
        for one in bookers:  # both are told before either has answered
            assert one.stdin
            one.stdin.write("\n")
            one.stdin.flush()
        turns += [json.loads(said(one)) for one in bookers]
    turns.sort()
    assert sum(count for _, count in turns) == 2 * ROUNDS * RATE
    for (moment, count), (following, _) in pairwise(turns):
        assert following - moment >= count / RATE - 0.001
