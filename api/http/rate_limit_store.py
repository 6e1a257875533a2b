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

PATIENCE = 0.2
"""Seconds to wait for Redis."""
PAUSE = 2
"""Seconds to count without Redis when it has not answered in time."""

_logger = logging.getLogger(__name__)


class RateLimitStore:
    """Counts requests in windows of time: in Redis if there is one, in this process while it does not answer.

    Making one connects to nothing.
    """

    def __init__(self, redis_url: str) -> None:
        self._here = FixedWindowRateLimiter(MemoryStorage())
        # The library's counters in memory can lose one when two begin a window at once.
        self._one_at_a_time = threading.Lock()
        self._redis = _redis(redis_url) if redis_url else None
        self._try_redis_at = 0.0

    def hit(self, limit: RateLimitItem, *whose: str) -> tuple[bool, WindowStats]:
        """Count a request: whether it is within the limit, and what is left of the window."""
        if self._redis and time.monotonic() >= self._try_redis_at:
            if self._try_redis_at:
                # Redis was not there: while one request tries it, others do not wait.
                self._try_redis_at = time.monotonic() + PAUSE
            try:
                counted = _hit(self._redis, limit, *whose)
            except StorageError as error:
                self._try_redis_at = time.monotonic() + PAUSE
                _logger.warning("Redis does not count; this process does, for %s s (%s)", PAUSE, error.storage_error)
            else:
                self._try_redis_at = 0.0
                return counted
        with self._one_at_a_time:
            return _hit(self._here, limit, *whose)


def _hit(limiter: FixedWindowRateLimiter, limit: RateLimitItem, *whose: str) -> tuple[bool, WindowStats]:
    return limiter.hit(limit, *whose), limiter.get_window_stats(limit, *whose)


def _redis(url: str) -> FixedWindowRateLimiter:
    try:
        storage = storage_from_string(
            url, wrap_exceptions=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
        )
    except ConfigurationError as error:
        raise InvalidSetting("PRESSROOM_REDIS_URL needs a client: pip install -e '.[redis]'.") from error
    except ValueError as error:
        raise InvalidSetting("PRESSROOM_REDIS_URL cannot be read. Write redis://HOST:PORT/NUMBER.") from error
    return FixedWindowRateLimiter(storage)
