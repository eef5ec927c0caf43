"""What the tests of flow control share: a clock that goes when it is told to, and workers who go by it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck
from hypothesis import settings as examples

from newsletter.flow import Flow

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC).timestamp()
PROPERTY = examples(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now

    def on(self, seconds: float) -> None:
        self.now += seconds


def flow_maker(settings: Any, clock: Clock) -> Callable[..., Flow]:
    """Return a function that changes settings and makes the flow of one more worker."""

    def make(**changes: object) -> Flow:
        for name, value in changes.items():
            setattr(settings, name, value)
        return Flow("file", clock)

    return make
