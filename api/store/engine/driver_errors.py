"""Translation of database drivers' exceptions to the store's `Unavailable`, by the databases' own error codes."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from api.store.engine.failures import (
    OUTCOME_UNKNOWN,
    POSTGRESQL,
    SQLITE,
    SQLITE_MESSAGES,
    STATEMENT,
    TEMPORARY,
    Failure,
)

# An error without SQLSTATE means that the connection was lost. A server that shuts down ends connections that wait for
# synchronous replicas, when the transaction is already committed.
_UNKNOWN_AT_COMMIT = re.compile("08|40003|57P0")


class DriverErrors:
    """The exceptions of an engine's driver, and those in which SQLAlchemy wraps them.

    `diagnose` returns a sentence for operators: why the database needs repair, and what to do.
    """

    def __init__(self, engine: sa.Engine, diagnose: Callable[[], str] = lambda: "") -> None:
        self._driver: Any = engine.dialect.loaded_dbapi
        self._diagnose = diagnose
        self._find = _find_sqlite if engine.dialect.name == "sqlite" else self._find_postgresql
        self.types: tuple[type[Exception], ...] = (self._driver.Error, sa.exc.DBAPIError)

    def check_outcome(self, error: Exception) -> None:
        """Raise `OutcomeUnknown` if the commit that failed may have been made; return if it was not."""
        # SQLite's exceptions have no `sqlstate`: a commit that fails there is not made.
        state = getattr(error, "sqlstate", "none")
        if state is None or _UNKNOWN_AT_COMMIT.match(state):
            raise OUTCOME_UNKNOWN.error(OUTCOME_UNKNOWN.message) from error

    def translate(self, error: Exception) -> None:
        """Raise `Unavailable` if the database failed; return if the statement did."""
        cause = getattr(error, "orig", error)
        if failure := self._find(cause):
            reason = "" if failure is TEMPORARY else self._diagnose()
            if not reason and getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_CANTOPEN:
                failure = TEMPORARY  # the process has too many files open
            raise failure.error(failure.message, reason=reason) from error

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Translate exceptions that leave the block."""
        try:
            yield
        except self.types as error:
            self.translate(error)
            raise

    def _find_postgresql(self, error: Any) -> Failure | None:
        state = getattr(error, "sqlstate", None) or ""
        failures = self._driver.OperationalError, self._driver.InterfaceError, self._driver.InternalError
        default = TEMPORARY if isinstance(error, failures) else STATEMENT
        return POSTGRESQL.get(state, POSTGRESQL.get(state[:2], default))


def _find_sqlite(error: Any) -> Failure | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE)  # without a code, Python's module raised it
    failure = SQLITE.get(code, SQLITE.get(code & 0xFF, TEMPORARY))
    if failure is None:
        return next((found for text, found in SQLITE_MESSAGES.items() if re.match(f".*({text})", str(error))), None)
    return failure
