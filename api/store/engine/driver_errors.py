"""What a driver says of a database that does not answer, in the store's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from api.store.errors import Unavailable

UNDEFINED_TABLE = "42P01"
"""PostgreSQL's SQLSTATE."""


class DriverErrors:
    """The exceptions of an engine's driver, and of SQLAlchemy for it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._driver: Any = engine.dialect.loaded_dbapi
        self.kinds: tuple[type[Exception], ...] = (self._driver.Error, sa.exc.DBAPIError)

    def translate(self, error: Exception) -> None:
        """Raise `Unavailable` if that is what `error` means."""
        cause = getattr(error, "orig", error)
        # What a server may not do that is no primary any more is an "internal" error to PostgreSQL's driver.
        if isinstance(cause, (self._driver.OperationalError, self._driver.InterfaceError, self._driver.InternalError)):
            raise Unavailable("The database does not answer. Try again in a moment.") from error
        if getattr(cause, "sqlstate", None) == UNDEFINED_TABLE:
            raise Unavailable("The tables are not made yet. Run `pressroom db upgrade`.") from error
        if type(cause) is self._driver.DatabaseError:
            raise Unavailable("The database cannot be read.") from error

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The block's exceptions, translated."""
        try:
            yield
        except self.kinds as error:
            self.translate(error)
            raise
