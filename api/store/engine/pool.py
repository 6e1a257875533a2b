"""Connection pool.

SQLAlchemy's own pool takes longer to check a connection out and in than SQLite takes to read a post.
"""

from contextlib import suppress
from queue import Empty, SimpleQueue
from select import POLLIN, poll
from time import monotonic
from typing import Any

import sqlalchemy as sa

from api import metrics
from api.store.engine import sqlite_connection
from api.store.engine.breaker import CircuitBreaker
from api.store.engine.failures import TEMPORARY
from api.store.engine.sqlite_file import SQLiteFile
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable


class Pool:
    """Up to `size` driver connections, opened by `engine` as they are needed.

    Last in, first out: SQLite caches pages per connection and drops them when another connection writes.
    """

    def __init__(self, engine: sa.Engine, size: int, timeouts: Timeouts, file: SQLiteFile | None) -> None:
        self._engine = engine
        self._file = file
        self._size = size
        self._timeouts = timeouts
        self._breaker = CircuitBreaker(timeouts)
        self._idle: list[Any] = []
        self._slots: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._slots.put(None)

    def acquire(self) -> Any:
        """Return a driver connection for the caller's exclusive use until `release`.

        Raises `Unavailable` if all stay in use for too long or the circuit breaker is open.
        """
        free = self._slots.qsize()
        if self._breaker.is_open(idle=free == self._size):
            if not free:
                raise Unavailable(TEMPORARY.message)
            if not self._file:  # an SQLite file does not hang, and its own error says more
                self._breaker.probe(self._probe)
        try:
            self._slots.get(block=False)
        except Empty:
            self._wait_for_slot()
        try:
            try:
                driver = self._idle.pop()
            except IndexError:
                return self._connect()
            if self._is_usable(driver):
                return driver
            self.discard(driver)
            if self._file:
                self.close()  # the others have the same files open, which may have been replaced
            return self._connect()
        except BaseException:
            self.release(None)
            raise

    def release(self, driver: Any) -> None:
        """Return a connection to the pool; None if it was discarded or could not be opened."""
        self._breaker.record(success=driver is not None)
        if driver:
            self._idle.append(driver)
        self._slots.put(None)

    def is_unavailable(self) -> bool:
        """Return whether the circuit breaker is open."""
        return self._breaker.is_open(idle=self._slots.qsize() == self._size)

    def close(self) -> None:
        """Close the idle connections."""
        with suppress(IndexError):
            while True:
                self.discard(self._idle.pop())

    def close_if_replaced(self) -> None:
        """Close the idle connections if the files of the SQLite database have been replaced.

        Without its log, no process can open the database before all have closed it, also those without requests.
        """
        with suppress(IndexError):
            if self._file and not self._file.is_current(self._idle[-1]):
                self.close()

    def discard(self, driver: Any) -> None:
        """Close a connection that must not be used again."""
        metrics.CONNECTIONS.dec()
        if self._file:
            sqlite_connection.close(driver)
        else:
            driver.close()

    def _wait_for_slot(self) -> None:
        """Wait until a connection is returned, or the circuit breaker opens: each caller occupies a worker thread."""
        started = monotonic()
        deadline = started + self._timeouts.pool_wait_seconds
        try:
            while (seconds := min(deadline, self._breaker.opens_at()) - monotonic()) > 0:
                with suppress(Empty):
                    return self._slots.get(timeout=seconds)
        finally:
            metrics.CONNECTION_WAITS.observe(monotonic() - started)
        raise Unavailable("All database connections are in use. Try again later.")

    def _probe(self) -> None:
        """Run a trivial query on a new connection: the idle ones may all lead to a server that is gone.

        It takes a slot, so that no more threads than these wait for the database.
        """
        try:
            self._slots.get(block=False)
        except Empty:
            raise Unavailable(TEMPORARY.message) from None
        try:
            self.close()
            driver = self._connect()
            try:
                driver.execute("SELECT 1").fetchall()
            finally:
                self.discard(driver)
        finally:
            self._slots.put(None)

    def _connect(self) -> Any:
        connection = self._engine.raw_connection()
        connection.detach()
        metrics.CONNECTIONS.inc()
        return connection.dbapi_connection

    def _is_usable(self, driver: Any) -> bool:
        """Whether the connection is outside a transaction, and its server or file is still there.

        SQLite's files may have been replaced. An idle connection becomes readable when PostgreSQL closes it; a
        query would cost a round trip per request.
        """
        if self._file:
            return not driver.in_transaction and self._file.was_current(driver)
        if driver.closed or driver.pgconn.transaction_status:
            return False
        readable = poll()
        readable.register(driver.fileno(), POLLIN)
        return not readable.poll(0)
