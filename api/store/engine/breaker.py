"""Circuit breaker. While open, calls fail fast and one caller at a time probes the database."""

import threading
import time
from collections.abc import Callable
from math import inf

from api.store.engine.failures import TEMPORARY
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable


class CircuitBreaker:
    """Opens when callers have waited for `breaker_open_after_seconds` and none has succeeded.

    A caller that waits for the database occupies a worker thread. Without a breaker, requests that need no database,
    or another one, would find no free thread.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._last_success_at = 0.0
        self._last_succeeded = True
        self._probe_lock = threading.Lock()
        self._probe_began_at = inf
        self._next_probe_at = 0.0

    def is_open(self, *, idle: bool) -> bool:
        """Whether the last success is too long ago, not counting time in which the database was `idle`.

        It is idle if no call is in progress. If the last call failed, idle time counts too.
        """
        now = time.monotonic()
        if idle and self._last_succeeded:
            self._last_success_at = now
        return now > self.opens_at()

    def opens_at(self) -> float:
        """Return when it opens, by `time.monotonic`, if no call in progress succeeds before."""
        return self._last_success_at + self._timeouts.breaker_open_after_seconds

    def record(self, *, success: bool) -> None:
        """Record the result of a call."""
        self._last_succeeded = success
        if success:
            self._last_success_at = time.monotonic()

    def probe(self, attempt: Callable[[], None]) -> None:
        """Return once the breaker is closed, calling `attempt` if no other caller is doing so.

        Raises `Unavailable` if a probe is slow or has just failed, and whatever `attempt` raises.
        """
        wait = self._timeouts.breaker_probe_wait_seconds
        while self.is_open(idle=False):
            now = time.monotonic()
            if now < self._next_probe_at or now - self._probe_began_at > wait:
                raise Unavailable(TEMPORARY.message)
            if not self._probe_lock.acquire(blocking=False):
                time.sleep(wait / 10)
                continue
            try:
                self._probe_began_at = now
                attempt()
                self.record(success=True)
            except BaseException:
                failed_at = time.monotonic()
                self._next_probe_at = failed_at + min(self._timeouts.breaker_retry_seconds, failed_at - now)
                raise
            finally:
                self._probe_began_at = inf
                self._probe_lock.release()
