"""The cache on Redis while Redis is there: it keeps, counts and forgets."""

import uuid

import pytest

from config.soft_cache import SoftRedisCache
from tests.services.conftest import REDIS


@pytest.fixture
def cache(monkeypatch):
    monkeypatch.setattr(SoftRedisCache, "rests_until", 0.0)
    return SoftRedisCache(f"{REDIS}/1", {"KEY_PREFIX": uuid.uuid4().hex, "TIMEOUT": 60})


def test_it_keeps_counts_and_forgets(cache):
    assert cache.add("key", 1) is True
    assert cache.add("key", 2) is False
    assert cache.incr("key") == 2
    assert cache.set_many({"other": [1, 2]}) == []
    assert cache.get_many(["key", "other", "none"]) == {"key": 2, "other": [1, 2]}
    assert cache.touch("key") is True
    assert cache.has_key("key") is True
    assert cache.delete("key") is True
    cache.delete_many(["other"])
    assert cache.get("other", "gone") == "gone"
    with pytest.raises(ValueError, match="not found"):
        cache.incr("key")
