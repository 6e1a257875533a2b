"""The circuit breaker of a database: while nobody is answered, nobody waits but who finds out whether it answers."""

import threading
import time
from collections.abc import Callable
from math import inf

from api.store.errors import Unavailable

SUSPICION = 1
"""Seconds without an answer to anybody who waits, after which a database is suspected."""
BLINK = 0.1
"""Seconds that others wait for what a probe finds."""
PAUSE = 1
"""Seconds without another probe after one that failed, at most: it took a while if that was in vain."""


class CircuitBreaker:
    """Closed while somebody is answered, or nobody waits; open, nobody is let in before a probe has been answered.

    Whoever waits for a database has a thread of the worker for it, which others then lack: also those who need no
    database, or another one.
    """

    def __init__(self) -> None:
        self._answered_at = 0.0
        self._is_answered = True
        self._probing = threading.Lock()
        self._began = inf
        self._try_at = 0.0

    def is_open(self, *, idle: bool) -> bool:
        """Whether the database is suspected; not by who comes while it is `idle`, if the last one was answered."""
        moment = time.monotonic()
        if idle and self._is_answered:
            self._answered_at = moment
        return moment - self._answered_at > SUSPICION

    def answered(self, *, well: bool) -> None:
        """Somebody who was let in has been answered, or has failed."""
        self._is_answered = well
        if well:
            self._answered_at = time.monotonic()

    def probe(self, ask: Callable[[], None]) -> None:
        """Let one at a time `ask`; `Unavailable` for others, or what `ask` raises."""
        while self.is_open(idle=False):
            moment = time.monotonic()
            if moment < self._try_at or moment - self._began > BLINK:
                raise Unavailable("The database does not answer. Try again in a moment.")
            if not self._probing.acquire(blocking=False):
                time.sleep(BLINK / 10)
                continue
            try:
                self._began = moment
                ask()
                self.answered(well=True)
            except BaseException:
                self._try_at = time.monotonic() + min(PAUSE, time.monotonic() - moment)
                raise
            finally:
                self._began = inf
                self._probing.release()
