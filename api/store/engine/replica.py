"""Reads from a streaming replica of PostgreSQL, which may be some seconds old."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from math import inf
from typing import Literal, get_args

from api import metrics
from api.settings import InvalidSetting, Settings
from api.store.engine import replica_age
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.engine.timeouts import Timeouts
from api.store.errors import NotFound, Unavailable

_logger = logging.getLogger(__name__)

Read = Callable[[], AbstractContextManager[Connection]]
Reason = Literal["", "checking", "lag", "unavailable", "not_found"]
"""Why a read goes to the primary; empty for a read from the replica."""


class RetryOnOtherServer(Exception):
    """The read failed here. Run it again on a connection that `read` opens, to the other server."""

    def __init__(self, read: Read) -> None:
        self.read = read


class Replica:
    """Routes reads to the replica while it is caught up, otherwise to the primary, and to the other one on failure.

    Only the primary decides that a row does not exist. The constructor does not connect.
    """

    def __init__(self, settings: Settings, primary: Database, *, timeouts: Timeouts = Timeouts()) -> None:
        if primary.is_sqlite:
            raise InvalidSetting(
                "PRESSROOM_REPLICA_URL requires PostgreSQL: remove it, or set PRESSROOM_DATABASE_URL to its primary."
            )
        self._timeouts = timeouts
        self._primary = primary
        self._replica = Database(
            replace(settings, database_url=settings.replica_url),
            timeouts=replace(
                timeouts,
                connect_seconds=timeouts.replica_connect_seconds,
                lock_seconds=timeouts.replica_lock_seconds,
                statement_seconds=timeouts.replica_statement_seconds,
            ),
            # If the replica hangs, half of the threads remain for requests that need the primary, or no database.
            connections=max(1, settings.threads // 2),
        )
        # Create every series now: Prometheus sees no increase in one that first appears with a count.
        labels = metrics.REPLICA_READS.labels
        self._reads = {reason: labels("primary" if reason else "replica", reason) for reason in get_args(Reason)}
        self._failure: Reason = "checking"
        self._as_of = -inf
        self._next_check_at = 0.0
        self._check_lock = threading.Lock()

    def close(self) -> None:
        """Close the idle connections to the replica."""
        self._replica.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection for reading.

        Raises `RetryOnOtherServer` if the replica fails or lacks a row; also if the primary fails, and then `read`
        opens a connection to the replica, even if that lags.
        """
        if not (reason := self._check_if_due()):
            try:
                with self._replica.read() as db:
                    yield db
            except NotFound as error:
                raise RetryOnOtherServer(partial(self._read_primary, "not_found")) from error
            except Unavailable as error:
                self._failure = "unavailable"
                self._next_check_at = time.monotonic() + self._timeouts.replica_retry_seconds
                raise RetryOnOtherServer(partial(self._read_primary, "unavailable")) from error
            self._reads[""].inc()
        else:
            try:
                with self._read_primary(reason) as db:
                    yield db
            except Unavailable as error:
                raise RetryOnOtherServer(partial(self._read_stale, error)) from error

    @contextmanager
    def _read_primary(self, reason: Reason) -> Iterator[Connection]:
        """Open a connection to the primary. A read that raises `NotFound` there is complete, and counted."""
        try:
            with self._primary.read() as db:
                yield db
        except NotFound:
            self._reads[reason].inc()
            raise
        self._reads[reason].inc()

    @contextmanager
    def _read_stale(self, primary_error: Unavailable) -> Iterator[Connection]:
        """Open a connection to the replica, however far it lags; raise `primary_error` if that read fails too."""
        try:
            with self._replica.read() as db:
                yield db
        except (NotFound, Unavailable):
            raise primary_error from primary_error.__cause__
        self._reads[""].inc()

    def _check_if_due(self) -> Reason:
        """Check the replica if the last check has expired, and return why to read from the primary, or ""."""
        # While one request checks, others use the last result, so that a slow check delays one read only.
        if time.monotonic() >= self._next_check_at and self._check_lock.acquire(blocking=False):
            try:
                pause = self._check()
                metrics.REPLICA_LAG.set(time.monotonic() - self._as_of)
                self._next_check_at = time.monotonic() + pause
            finally:
                self._check_lock.release()
        return self._primary_reason

    @property
    def _primary_reason(self) -> Reason:
        # Not only a check ends the use of the replica: the check itself may be waiting for a primary that hangs.
        if self._failure or time.monotonic() - self._as_of <= self._timeouts.replica_max_lag_seconds:
            return self._failure
        return "lag"

    def _check(self) -> float:
        """Find out how old the replica's data is, and return the seconds until the next check."""
        max_lag, pause = self._timeouts.replica_max_lag_seconds, self._timeouts.replica_retry_seconds
        try:
            proof = replica_age.prove(self._primary, self._replica, max_lag=max_lag)
        except Unavailable as error:
            self._failure = "unavailable"
            _logger.warning("The replica is unavailable; next check in %s s (%s)", pause, error.__cause__)
            return pause
        self._failure = ""
        self._as_of = max(self._as_of, proof.as_of)
        if proof.as_of == -inf:
            _logger.warning("The replica may lag by more than %s s: it has not replayed what was written", max_lag)
        return self._timeouts.replica_check_seconds if proof.is_primary_available else pause
