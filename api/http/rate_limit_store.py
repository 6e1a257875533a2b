"""Counters of rate limits: in Redis, or in memory that the workers of this server share.

In Redis they are those of `limits`, the library that Flask-Limiter is built on. Flask-Limiter itself adds work to every
request, returns 500 for requests in progress when Redis fails, and notices only after half a minute that Redis is back.
"""

import logging
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from limits import RateLimitItem
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from api.http.counters import Counters
from api.metrics import DIRECTORY_VARIABLE
from api.settings import InvalidSetting

_logger = logging.getLogger(__name__)


class Window(NamedTuple):
    """The state of a rate limit's window."""

    remaining: int
    seconds_left: float


class RateLimitStore:
    """Counts requests in fixed windows of time: in Redis if there is one, in this server while Redis does not reply.

    Waits for Redis for `redis_timeout_seconds`, and counts without it for `redis_retry_seconds` after it has failed.
    The constructor neither connects nor opens a file.
    """

    def __init__(self, redis_url: str, *, redis_timeout_seconds: float = 0.2, redis_retry_seconds: float = 2) -> None:
        self._lock = threading.Lock()
        self._counters: Counters | None = None
        self._redis = _redis(redis_url, redis_timeout_seconds) if redis_url else None
        self._redis_retry_seconds = redis_retry_seconds
        self._try_redis_at = 0.0

    def hit(self, limit: RateLimitItem, *key: str) -> tuple[bool, Window]:
        """Count a request; return whether it is within the limit, and the state of the window."""
        if self._redis and self._may_try_redis():
            try:
                counted = _hit_in_redis(self._redis, limit, *key)
            except StorageError as error:
                self._try_redis_at = time.monotonic() + self._redis_retry_seconds
                message = "Redis is unavailable; this server counts by itself for %s s (%s)"
                _logger.warning(message, self._redis_retry_seconds, error.storage_error)
            else:
                self._try_redis_at = 0.0
                return counted
        counters = self._counters or self._open_counters()
        requests, seconds_left = counters.hit("/".join(key), limit.get_expiry())
        return requests <= limit.amount, Window(max(0, limit.amount - requests), seconds_left)

    def _may_try_redis(self) -> bool:
        """Return whether Redis works, or has failed and is to be tried, by one request for which others do not wait."""
        if not self._try_redis_at:
            return True
        with self._lock:
            if (now := time.monotonic()) < self._try_redis_at:
                return False
            self._try_redis_at = now + self._redis_retry_seconds
            return True

    def _open_counters(self) -> Counters:
        """Open the file in the directory that `gunicorn.conf.py` creates at each start."""
        with self._lock:
            if self._counters is None:
                directory = os.environ.get(DIRECTORY_VARIABLE)
                self._counters = Counters(str(Path(directory, "rate_limits")) if directory else None)
            return self._counters


def _hit_in_redis(limiter: FixedWindowRateLimiter, limit: RateLimitItem, *key: str) -> tuple[bool, Window]:
    allowed = limiter.hit(limit, *key)
    stats = limiter.get_window_stats(limit, *key)
    # The library adds the time that Redis reports to the clock, which may have been set since.
    seconds_left = min(max(stats.reset_time - time.time(), 0), limit.get_expiry())
    return allowed, Window(stats.remaining, seconds_left)


def _redis(url: str, timeout: float) -> FixedWindowRateLimiter:
    try:
        storage = storage_from_string(url, wrap_exceptions=True, socket_timeout=timeout, socket_connect_timeout=timeout)
    except ConfigurationError as error:
        raise InvalidSetting("PRESSROOM_REDIS_URL requires the Redis client: run `pip install redis`.") from error
    except ValueError as error:
        raise InvalidSetting("Invalid PRESSROOM_REDIS_URL: use redis://HOST:PORT/NUMBER.") from error
    return FixedWindowRateLimiter(storage)
