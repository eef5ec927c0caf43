"""The caches on Redis while Redis is away; while it is there: tests/services/test_cache.py."""

import pytest
from redis.exceptions import OutOfMemoryError

from config import soft_cache
from config.soft_cache import RedisCache, SoftPageCache, SoftRedisCache

AWAY = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def awake(monkeypatch):
    for kind in (SoftRedisCache, SoftPageCache):
        monkeypatch.setattr(kind, "rests_until", 0.0)


@pytest.fixture
def cache():
    made = SoftRedisCache(AWAY, {"OPTIONS": {"socket_connect_timeout": 1}})
    made.own.clear()
    return made


@pytest.fixture
def pages():
    return SoftPageCache(AWAY, {"OPTIONS": {"socket_connect_timeout": 1}})


def refuse(*args, **options):
    raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")


def test_limits_go_on_counting_and_a_used_code_stays_used(cache):
    assert cache.add("code", 1) is True
    assert cache.add("code", 1) is False
    cache.set("tries", [1])
    assert cache.get("tries") == [1]
    assert cache.get_many(["tries", "none"]) == {"tries": [1]}
    assert cache.incr("code") == 2
    assert cache.has_key("code") is True
    assert cache.touch("code") is True
    assert cache.set_many({"more": 1}) == []
    cache.delete_many(["more"])
    assert cache.get("more", "gone") == "gone"
    assert cache.delete("code") is True
    with pytest.raises(ValueError, match="not found"):
        cache.incr("code")


def test_what_was_counted_meanwhile_is_forgotten_when_redis_is_back(cache, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(soft_cache.time, "monotonic", lambda: clock[0])
    cache.set("tries", [1])
    monkeypatch.setattr(RedisCache, "get", lambda self, key, default=None, version=None: "of Redis")
    assert cache.get("tries") == [1]  # it is left alone for a while
    clock[0] += soft_cache.REST
    assert cache.get("tries") == "of Redis"
    assert cache.own.get("tries") is None


def test_it_is_left_alone_for_a_while_and_then_asked_again(cache, monkeypatch, caplog):
    clock = [1000.0]
    monkeypatch.setattr(soft_cache.time, "monotonic", lambda: clock[0])
    for _ in range(3):
        cache.get("key")
    assert len(caplog.records) == 1
    clock[0] += soft_cache.REST
    cache.get("key")
    assert len(caplog.records) == 2


def test_a_full_redis_does_not_switch_limits_off(cache, monkeypatch):
    monkeypatch.setattr(RedisCache, "add", refuse)
    with pytest.raises(OutOfMemoryError):
        cache.add("code", 1)


def test_pages_are_not_kept_while_redis_is_away_or_full(pages, monkeypatch):
    pages.set("page", 1)
    assert pages.get("page") is None
    pages.wake()
    monkeypatch.setattr(RedisCache, "set", refuse)
    pages.set("page", 1)
    assert pages.get("page") is None


def test_the_two_rest_apart(cache, pages):
    pages.get("page")
    assert SoftPageCache.rests_until
    assert not SoftRedisCache.rests_until
