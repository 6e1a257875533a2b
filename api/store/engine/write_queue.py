"""The queue of SQLite's writers within a process."""

import threading
import time

from api import metrics
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable

_SHORT_WAIT_SECONDS = 0.001
"""Shorter ones are not counted: most writers wait for no other one."""


class WriteQueue:
    """Lets one thread write at a time: several that wait for SQLite's lock would get it in no particular order.

    A waiting writer occupies a thread. While another process does not let this one write, half of the threads may
    wait, and the others are left to readers.
    """

    def __init__(self, threads: int, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._slot = threading.Lock()
        # The writer that has the slot waits, too, for SQLite's lock.
        self._long_waits = threading.Semaphore(max(0, threads // 2 - 1))
        self._progressed_at = time.monotonic()
        self._has_failed = False
        self._requested_at = 0.0

    def acquire(self, *, wait: bool = True) -> None:
        """Take the slot; raise `Unavailable` if that takes too long, or immediately if `wait` is false."""
        requested_at = time.monotonic()
        if self._slot.acquire(blocking=False):
            if not self._has_failed:
                self._progressed_at = requested_at  # the queue was empty
        elif not wait or not self._wait():
            _record_wait(requested_at)
            raise Unavailable("Too many concurrent writes. Try again later.")
        self._requested_at = requested_at  # no other thread has the slot

    def begun(self) -> None:
        """Record how long the writer that has the slot has waited for it, and for SQLite's lock."""
        _record_wait(self._requested_at)

    def release(self, *, success: bool, waited: bool = True) -> None:
        """Pass the slot on; without `success`, the writer could not begin, which shows little if it has not waited."""
        if success:
            self._has_failed, self._progressed_at = False, time.monotonic()
        elif waited:
            self._has_failed = True
            _record_wait(self._requested_at)
        self._slot.release()

    def _wait(self) -> bool:
        deadline = time.monotonic() + self._timeouts.write_slot_seconds
        if self._long_waits.acquire(blocking=False):
            try:
                return self._slot.acquire(timeout=self._timeouts.write_slot_seconds)
            finally:
                self._long_waits.release()
        while (now := time.monotonic()) < deadline:
            stalls_at = self._progressed_at + self._timeouts.write_stall_seconds
            if now > stalls_at:
                return False
            if self._slot.acquire(timeout=min(stalls_at, deadline) - now + 0.01):
                return True
        return False


def _record_wait(since: float) -> None:
    if (seconds := time.monotonic() - since) >= _SHORT_WAIT_SECONDS:
        metrics.WRITE_WAITS.observe(seconds)
