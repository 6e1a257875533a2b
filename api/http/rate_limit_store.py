"""The counters behind rate limits: in Redis for all processes, or in this one.

They stand on `limits`, the library beneath Flask-Limiter. Flask-Limiter itself looks at every request, also at those
without a limit; it answers 500 to what is under way when Redis goes, and notices only after half a minute that Redis is
back.
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
    """Counts requests in windows of time: in Redis if there is one, in this process while it does not answer.

    Waits for Redis for `redis_timeout_seconds`, and counts without it for `redis_retry_seconds` after it has failed.
    The constructor does not connect.
    """

    def __init__(self, redis_url: str, *, redis_timeout_seconds: float = 0.2, redis_retry_seconds: float = 2) -> None:
        self._here = FixedWindowRateLimiter(MemoryStorage())
        # The library's counters in memory can lose one when two begin a window at once.
        self._one_at_a_time = threading.Lock()
        self._redis = _redis(redis_url, redis_timeout_seconds) if redis_url else None
        self._redis_retry_seconds = redis_retry_seconds
        self._try_redis_at = 0.0

    def hit(self, limit: RateLimitItem, *whose: str) -> tuple[bool, WindowStats]:
        """Count a request: whether it is within the limit, and what is left of the window."""
        pause = self._redis_retry_seconds
        if self._redis and time.monotonic() >= self._try_redis_at:
            if self._try_redis_at:
                # Redis was not there: while one request tries it, others do not wait.
                self._try_redis_at = time.monotonic() + pause
            try:
                counted = _hit(self._redis, limit, *whose)
            except StorageError as error:
                self._try_redis_at = time.monotonic() + pause
                _logger.warning("Redis does not count; this process does, for %s s (%s)", pause, error.storage_error)
            else:
                self._try_redis_at = 0.0
                return counted
        with self._one_at_a_time:
            return _hit(self._here, limit, *whose)


def _hit(limiter: FixedWindowRateLimiter, limit: RateLimitItem, *whose: str) -> tuple[bool, WindowStats]:
    return limiter.hit(limit, *whose), limiter.get_window_stats(limit, *whose)


def _redis(url: str, timeout: float) -> FixedWindowRateLimiter:
    try:
        storage = storage_from_string(url, wrap_exceptions=True, socket_timeout=timeout, socket_connect_timeout=timeout)
    except ConfigurationError as error:
        raise InvalidSetting("PRESSROOM_REDIS_URL needs a client: pip install -e '.[redis]'.") from error
    except ValueError as error:
        raise InvalidSetting("PRESSROOM_REDIS_URL cannot be read. Write redis://HOST:PORT/NUMBER.") from error
    return FixedWindowRateLimiter(storage)
