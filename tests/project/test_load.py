"""What `python -m benchmarks.load` takes for good."""

import pytest

from benchmarks.load import P95, is_good

VISITS = {"statuses": {"200": 900}, "requests": 900, "p95_ms": P95 - 1, "sending_throughout": True}
FOUND = {"visits": VISITS, "memory_growth_mb": 3.0, "certificate": {"proved": True}}


def test_readers_who_do_not_wait_beside_a_send_are_good():
    assert is_good(FOUND)
    assert is_good(FOUND | {"visits": {}}), "a send alone was asked for"


@pytest.mark.parametrize(
    "change",
    [
        {"visits": VISITS | {"sending_throughout": False}},
        {"visits": VISITS | {"p95_ms": P95}},
        {"visits": VISITS | {"statuses": {"200": 899, "500": 1}}},
        {"memory_growth_mb": 200.0},
        {"certificate": {"proved": False}},
    ],
)
def test_anything_less_is_not(change):
    """A send that was over first says nothing about the visits that went on."""
    assert not is_good(FOUND | change)
