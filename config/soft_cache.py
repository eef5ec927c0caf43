"""Caches on Redis that may be away: whoever asks goes on without it (ADR 31).

Wagtail asks the cache for the site's root with every page, so without this the hub would stand still with Redis.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError, RedisError, TimeoutError

logger = logging.getLogger(__name__)

REST = 5.0  # seconds in which Redis is not asked after it has failed, so that not everybody waits for it


def _softly(method: str) -> Callable[..., Any]:
    def ask(self: "SoftRedisCache", *args: Any, **options: Any) -> Any:
        return self._ask(method, *args, **options)

    return ask


class SoftRedisCache(RedisCache):
    """Django's, but while Redis does not answer this process has a cache of its own.

    So limits go on counting and a used code stays used, though each process counts for itself. What Redis refuses,
    such as a write when its memory is full, is an error as ever: nobody may switch limits off by filling it.
    """

    away: tuple[type[Exception], ...] = (ConnectionError, TimeoutError, OSError)
    rests_until = 0.0  # of the class: an instance is made for every thread

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.own = self.make_own(params)

    def make_own(self, params: dict[str, Any]) -> BaseCache:
        return LocMemCache("while Redis is away", params)

    add = _softly("add")
    get = _softly("get")
    set = _softly("set")
    touch = _softly("touch")
    delete = _softly("delete")
    has_key = _softly("has_key")
    incr = _softly("incr")
    get_many = _softly("get_many")
    set_many = _softly("set_many")
    delete_many = _softly("delete_many")

    def _ask(self, method: str, *args: Any, **options: Any) -> Any:
        kind = type(self)
        if time.monotonic() >= kind.rests_until:
            try:
                answer = getattr(RedisCache, method)(self, *args, **options)
            except self.away as error:
                kind.rests_until = time.monotonic() + REST
                logger.warning("Redis does not answer (%s): it is left alone for %d s", type(error).__name__, REST)
            else:
                if kind.rests_until:  # what was counted meanwhile is of no use any more
                    kind.rests_until = 0.0
                    self.own.clear()
                return answer
        return getattr(self.own, method)(*args, **options)

    def wake(self) -> None:
        """Ask Redis again with the next question, whatever it said last."""
        type(self).rests_until = min(type(self).rests_until, time.monotonic())


class SoftPageCache(SoftRedisCache):
    """For what can be made anew: nothing is kept while Redis is away, or will not take it."""

    away = (RedisError, OSError)
    rests_until = 0.0

    def make_own(self, params: dict[str, Any]) -> BaseCache:
        return DummyCache("", params)
