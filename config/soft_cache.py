"""A cache on Redis that may be away: then nothing is found in it and nothing kept, and whoever asked goes on (ADR 31).

Wagtail asks the cache for the site's root with every page, so without this the hub would stand still with Redis.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

REST = 5.0  # seconds in which it is not asked after it has failed, so that not everybody waits for it


class SoftRedisCache(RedisCache):
    """Django's, but for errors of the connection: `get` gives the default, `add` says yes, `incr` finds no number."""

    _rests_until = 0.0

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return bool(self._ask(lambda: super(SoftRedisCache, self).add(key, value, timeout, version), True))

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return self._ask(lambda: super(SoftRedisCache, self).get(key, default, version), default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        self._ask(lambda: super(SoftRedisCache, self).set(key, value, timeout, version), None)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return bool(self._ask(lambda: super(SoftRedisCache, self).touch(key, timeout, version), False))

    def delete(self, key: Any, version: Any = None) -> bool:
        return bool(self._ask(lambda: super(SoftRedisCache, self).delete(key, version), False))

    def get_many(self, keys: Any, version: Any = None) -> dict[Any, Any]:
        return dict(self._ask(lambda: super(SoftRedisCache, self).get_many(keys, version), {}))

    def has_key(self, key: Any, version: Any = None) -> bool:
        return bool(self._ask(lambda: super(SoftRedisCache, self).has_key(key, version), False))

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        number = self._ask(lambda: super(SoftRedisCache, self).incr(key, delta, version), None)
        if number is None:
            raise ValueError(f"Key {key!r} not found")  # as Django says of a key that is not there
        return int(number)

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> list[Any]:
        return list(self._ask(lambda: super(SoftRedisCache, self).set_many(data, timeout, version), list(data)))

    def delete_many(self, keys: Any, version: Any = None) -> None:
        self._ask(lambda: super(SoftRedisCache, self).delete_many(keys, version), None)

    def _ask(self, question: Callable[[], Any], otherwise: Any) -> Any:
        if time.monotonic() < SoftRedisCache._rests_until:
            return otherwise
        try:
            return question()
        except (RedisError, OSError) as error:
            SoftRedisCache._rests_until = time.monotonic() + REST
            logger.warning("Redis does not answer (%s): nothing is cached for %d s", type(error).__name__, REST)
            return otherwise
