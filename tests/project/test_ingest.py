"""`benchmarks.ingest` fails when what comes in is taken more slowly than is wanted."""

import pytest

from benchmarks.ingest import WANTED_EVENTS, WANTED_RATIO, shortfalls


@pytest.mark.parametrize(
    ("events", "ratio", "short"),
    [
        (WANTED_EVENTS, WANTED_RATIO, []),
        (2999, 0.65, ["2,999 events per core second, 100 in a post, instead of 3,000"]),
        (6000, 0.59, ["clicks at 0.59 of the bare view instead of 0.6"]),
    ],
)
def test_it_says_what_is_too_slow(events, ratio, short):
    reading = [{"events_in_a_post": 1, "per_core_second": 4500}, {"events_in_a_post": 100, "per_core_second": events}]
    assert shortfalls({"reading": reading, "clicks": {"ratio": ratio}}) == short


def test_clicks_alone_are_judged_too():
    assert shortfalls({"clicks": {"ratio": 0.3}})
