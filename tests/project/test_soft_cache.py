"""The cache on Redis while Redis is away; while it is there: tests/services/test_cache.py."""

import time

import pytest

from config import soft_cache
from config.soft_cache import SoftRedisCache


@pytest.fixture(autouse=True)
def not_at_rest(monkeypatch):
    monkeypatch.setattr(SoftRedisCache, "_rests_until", 0.0)


@pytest.fixture
def away():
    return SoftRedisCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 1}})


class TestAway:
    def test_nothing_is_found(self, away):
        assert away.get("key") is None
        assert away.get("key", []) == []
        assert away.get_many(["key"]) == {}
        assert away.has_key("key") is False
        assert away.get_or_set("key", lambda: 7) == 7

    def test_nothing_is_kept_and_nobody_fails(self, away):
        away.set("key", 1)
        assert away.add("key", 1) is True
        assert away.touch("key") is False
        assert away.delete("key") is False
        assert away.set_many({"key": 1}) == ["key"]
        away.delete_many(["key"])
        assert away.get("key") is None

    def test_a_number_is_not_there(self, away):
        with pytest.raises(ValueError, match="not found"):
            away.incr("key")

    def test_it_is_left_in_peace_for_a_while_and_then_asked_again(self, away, monkeypatch, caplog):
        clock = [time.monotonic()]
        monkeypatch.setattr(soft_cache.time, "monotonic", lambda: clock[0])
        for _ in range(3):
            away.get("key")
        assert len(caplog.records) == 1
        clock[0] += soft_cache.REST
        away.get("key")
        assert len(caplog.records) == 2
