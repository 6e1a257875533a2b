"""Connections that wait for their next use."""

from contextlib import suppress
from queue import Empty, SimpleQueue
from select import POLLIN, poll
from typing import Any

import sqlalchemy as sa

from api import metrics
from api.store.engine.breaker import CircuitBreaker
from api.store.errors import Unavailable

PATIENCE = 1
"""Seconds to wait for a connection that others have."""


class Pool:
    """Up to `size` connections, made by an engine as they are needed.

    The last one that was given back is taken first: SQLite has kept pages by it, which it forgets when another one
    writes. SQLAlchemy's own pool takes longer to hand one out, and back, than SQLite takes to read a post.
    """

    def __init__(self, engine: sa.Engine, size: int) -> None:
        self._engine = engine
        self._size = size
        self._breaker = CircuitBreaker()
        self._idle: list[Any] = []
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._places.put(None)

    def take(self) -> Any:
        """A driver's connection, nobody else's until it is given back.

        `Unavailable` if all are taken for too long, or the database does not answer those who have them.
        """
        free = self._places.qsize()
        if self._breaker.is_open(idle=free == self._size):
            if not free:
                raise Unavailable("The database does not answer. Try again in a moment.")
            self._breaker.probe(self._ask)
        try:
            self._places.get(timeout=PATIENCE)
        except Empty:
            raise Unavailable("Too many are asking. Try again in a moment.") from None
        try:
            with suppress(IndexError):
                driver = self._idle.pop()
                if self._is_fit(driver):
                    return driver
                self.discard(driver)
            return self._connect()
        except BaseException:
            self.give(None)
            raise

    def give(self, driver: Any) -> None:
        """Give a connection back; None for one that was not made, or was discarded."""
        self._breaker.answered(well=driver is not None)
        if driver:
            self._idle.append(driver)
        self._places.put(None)

    def close(self) -> None:
        """Close the connections that nobody is using."""
        with suppress(IndexError):
            while True:
                self.discard(self._idle.pop())

    def discard(self, driver: Any) -> None:
        """Close a connection that is not to be used again."""
        metrics.CONNECTIONS.dec()
        driver.close()

    def _ask(self) -> None:
        """Ask something small, on a new connection: those that are idle may all lead to a server that is gone."""
        self.close()
        driver = self._connect()
        try:
            driver.execute("SELECT 1").fetchall()
        finally:
            self.discard(driver)

    def _connect(self) -> Any:
        made = self._engine.raw_connection()
        made.detach()
        metrics.CONNECTIONS.inc()
        return made.dbapi_connection

    def _is_fit(self, driver: Any) -> bool:
        """Whether it is in no transaction, which could not be ended, and PostgreSQL has not hung up.

        PostgreSQL says so at once; asking would cost a round trip for each request.
        """
        if self._engine.dialect.name == "sqlite":
            return not driver.in_transaction
        if driver.closed or driver.pgconn.transaction_status:
            return False
        unasked = poll()
        unasked.register(driver.fileno(), POLLIN)
        return not unasked.poll(0)
