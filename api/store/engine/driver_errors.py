"""Translation of database drivers' exceptions to the store's `Unavailable`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from api.store.errors import Unavailable

UNDEFINED_TABLE = "42P01"
"""SQLSTATE of PostgreSQL."""


class DriverErrors:
    """The exceptions of an engine's driver, and those in which SQLAlchemy wraps them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._driver: Any = engine.dialect.loaded_dbapi
        self.types: tuple[type[Exception], ...] = (self._driver.Error, sa.exc.DBAPIError)

    def translate(self, error: Exception) -> None:
        """Raise `Unavailable` if the database failed; return if the statement did."""
        cause = getattr(error, "orig", error)
        # psycopg raises InternalError for a write on a server that is no longer the primary (SQLSTATE 25006).
        if isinstance(cause, (self._driver.OperationalError, self._driver.InterfaceError, self._driver.InternalError)):
            raise Unavailable("The database is unavailable. Try again later.") from error
        if getattr(cause, "sqlstate", None) == UNDEFINED_TABLE:
            raise Unavailable("The database has no tables yet. Run `pressroom db upgrade`.") from error
        if type(cause) is self._driver.DatabaseError:
            raise Unavailable("The database cannot be read.") from error

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Translate exceptions that leave the block."""
        try:
            yield
        except self.types as error:
            self.translate(error)
            raise
