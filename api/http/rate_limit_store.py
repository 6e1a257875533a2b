"""Counters of rate limits: in Redis, shared by all processes, or in this process.

They use `limits`, the library that Flask-Limiter is built on. Flask-Limiter itself adds work to every request, returns
500 for requests in progress when Redis fails, and notices only after half a minute that Redis is back.
"""

import logging
import threading
import time

from limits import RateLimitItem, WindowStats
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from api.settings import InvalidSetting

_logger = logging.getLogger(__name__)


class RateLimitStore:
    """Counts requests in fixed windows of time: in Redis if there is one, in this process while Redis does not reply.

    Waits for Redis for `redis_timeout_seconds`, and counts without it for `redis_retry_seconds` after it has failed.
    The constructor does not connect.
    """

    def __init__(self, redis_url: str, *, redis_timeout_seconds: float = 0.2, redis_retry_seconds: float = 2) -> None:
        self._in_process = FixedWindowRateLimiter(MemoryStorage())
        # The library's counters in memory are not atomic when a window begins.
        self._lock = threading.Lock()
        self._redis = _redis(redis_url, redis_timeout_seconds) if redis_url else None
        self._redis_retry_seconds = redis_retry_seconds
        self._try_redis_at = 0.0

    def hit(self, limit: RateLimitItem, *key: str) -> tuple[bool, WindowStats]:
        """Count a request; return whether it is within the limit, and the state of the window."""
        pause = self._redis_retry_seconds
        if self._redis and time.monotonic() >= self._try_redis_at:
            if self._try_redis_at:
                # Redis has failed: one request tries it, others do not wait for it.
                self._try_redis_at = time.monotonic() + pause
            try:
                counted = _hit(self._redis, limit, *key)
            except StorageError as error:
                self._try_redis_at = time.monotonic() + pause
                _logger.warning(
                    "Redis is unavailable; this process counts by itself for %s s (%s)", pause, error.storage_error
                )
            else:
                self._try_redis_at = 0.0
                return counted
        with self._lock:
            return _hit(self._in_process, limit, *key)


def _hit(limiter: FixedWindowRateLimiter, limit: RateLimitItem, *key: str) -> tuple[bool, WindowStats]:
    return limiter.hit(limit, *key), limiter.get_window_stats(limit, *key)


def _redis(url: str, timeout: float) -> FixedWindowRateLimiter:
    try:
        storage = storage_from_string(url, wrap_exceptions=True, socket_timeout=timeout, socket_connect_timeout=timeout)
    except ConfigurationError as error:
        raise InvalidSetting(
            "PRESSROOM_REDIS_URL requires the Redis client: run `pip install -e '.[redis]'`."
        ) from error
    except ValueError as error:
        raise InvalidSetting("Invalid PRESSROOM_REDIS_URL: use redis://HOST:PORT/NUMBER.") from error
    return FixedWindowRateLimiter(storage)
