"""Checked-out connections: taken from the pool for a block, and returned after it."""

from types import TracebackType
from typing import Any

from api.store.engine.connections import Connection, StatementCache
from api.store.engine.driver_errors import DriverErrors
from api.store.engine.pool import Pool


class Checkout:
    """Context manager of an autocommitting connection. Raises `Unavailable` if the database fails.

    A class, because a generator of contextlib costs three times as much, and each request has one to three.
    """

    _driver: Any

    def __init__(self, pool: Pool, statements: StatementCache, errors: DriverErrors) -> None:
        self._pool = pool
        self._statements = statements
        self._errors = errors

    def __enter__(self) -> Connection:
        """Take a connection from the pool, or open one."""
        try:
            self._driver = self._pool.acquire()
        except self._errors.types as error:
            self._errors.translate(error)
            raise
        return Connection(self._driver, self._statements)

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Return the connection, unless the driver failed."""
        if not isinstance(error, self._errors.types):
            self._pool.release(self._driver)
            return
        try:
            # The connection may lead to a server that hangs, or is no longer the primary.
            self._pool.discard(self._driver)
        finally:
            self._pool.release(None)
        self._errors.translate(error)
