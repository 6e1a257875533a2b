"""The circuit breaker of a database: while nobody is answered, nobody waits but who tries it."""

import threading
import time
from math import inf

from api.store.errors import Unavailable

SUSPICION = 1
"""Seconds without an answer to anybody who waits, after which the breaker opens."""
BLINK = 0.1
"""Seconds that others wait for what a trial finds."""
PAUSE = 1
"""Seconds without another trial after one that failed, at most: it took a while if that was in vain."""


class CircuitBreaker:
    """Closed, it lets everybody in; open, one at a time, on trial, and refuses all others until somebody is answered.

    Whoever waits for a database has a thread of the worker for it, which others then lack: also those who need no
    database, or another one.
    """

    def __init__(self) -> None:
        self._answered_at = 0.0
        self._is_answered = True
        self._trial = threading.Lock()
        self._on_trial = 0
        self._began = inf
        self._try_at = 0.0

    def enter(self, *, alone: bool) -> bool:
        """Whether the caller is on trial; `Unavailable` for who is refused. Nobody but those `alone` waits already."""
        moment = time.monotonic()
        if alone and self._is_answered:
            self._answered_at = moment
        while moment - self._answered_at > SUSPICION:
            if moment >= self._try_at and self._trial.acquire(blocking=False):
                self._on_trial, self._began = threading.get_ident(), moment
                return True
            if moment < self._try_at or moment - self._began > BLINK:
                raise Unavailable("The database does not answer. Try again in a moment.")
            time.sleep(BLINK / 10)
            moment = time.monotonic()
        return False

    def leave(self, *, answered: bool) -> None:
        """Whoever was let in has been answered, or not."""
        self._is_answered = answered
        if answered:
            self._answered_at = time.monotonic()
        if self._on_trial == threading.get_ident():
            if not answered:
                moment = time.monotonic()
                self._try_at = moment + min(PAUSE, moment - self._began)
            self._on_trial, self._began = 0, inf
            self._trial.release()
