"""Translation of database drivers' exceptions to the store's `Unavailable`, by the databases' own error codes."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa

from api.store.errors import DatabaseNeedsRepair, DiskFull, Unavailable


class Failure(NamedTuple):
    """What the store raises instead of a driver's exception."""

    error: type[Unavailable]
    message: str


TEMPORARY = Failure(Unavailable, "The database is unavailable. Try again later.")
DISK_FULL = Failure(DiskFull, "The database has no space left.")
READ_ONLY = Failure(DatabaseNeedsRepair, "The database cannot be written until its operator has repaired it.")
UNREADABLE = Failure(DatabaseNeedsRepair, "The database cannot be read until its operator has repaired it.")
NO_TABLES = Failure(DatabaseNeedsRepair, "The database has no tables yet. Run `pressroom db upgrade`.")
OUTDATED = Failure(DatabaseNeedsRepair, "The database schema is out of date. Run `pressroom db upgrade`.")
STATEMENT = None
"""The statement failed, not the database: its caller handles the exception, or it is a bug (500)."""

SQLITE: dict[int, Failure | None] = {
    sqlite3.SQLITE_ERROR: STATEMENT,  # but see `_SQLITE_MESSAGES`
    sqlite3.SQLITE_INTERNAL: TEMPORARY,  # the connection is not used again
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_ABORT: TEMPORARY,
    sqlite3.SQLITE_BUSY: TEMPORARY,
    sqlite3.SQLITE_LOCKED: TEMPORARY,
    sqlite3.SQLITE_NOMEM: TEMPORARY,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_READONLY_DBMOVED: TEMPORARY,  # the next connection opens the file that is there now
    sqlite3.SQLITE_INTERRUPT: TEMPORARY,
    sqlite3.SQLITE_IOERR: UNREADABLE,
    sqlite3.SQLITE_IOERR_WRITE: READ_ONLY,  # a quota, or a limit of the size of files
    sqlite3.SQLITE_IOERR_TRUNCATE: READ_ONLY,
    sqlite3.SQLITE_IOERR_FSYNC: READ_ONLY,
    sqlite3.SQLITE_IOERR_DIR_FSYNC: READ_ONLY,
    sqlite3.SQLITE_IOERR_DELETE: READ_ONLY,
    sqlite3.SQLITE_IOERR_SHMSIZE: DISK_FULL,
    sqlite3.SQLITE_IOERR_NOMEM: TEMPORARY,
    sqlite3.SQLITE_IOERR_BLOCKED: TEMPORARY,
    sqlite3.SQLITE_CORRUPT: UNREADABLE,
    sqlite3.SQLITE_NOTFOUND: STATEMENT,
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_CANTOPEN: UNREADABLE,
    sqlite3.SQLITE_PROTOCOL: TEMPORARY,
    sqlite3.SQLITE_EMPTY: STATEMENT,
    sqlite3.SQLITE_SCHEMA: TEMPORARY,
    sqlite3.SQLITE_TOOBIG: STATEMENT,
    sqlite3.SQLITE_CONSTRAINT: STATEMENT,
    sqlite3.SQLITE_MISMATCH: STATEMENT,
    sqlite3.SQLITE_MISUSE: STATEMENT,
    sqlite3.SQLITE_NOLFS: DISK_FULL,
    sqlite3.SQLITE_AUTH: STATEMENT,
    sqlite3.SQLITE_FORMAT: STATEMENT,
    sqlite3.SQLITE_RANGE: STATEMENT,
    sqlite3.SQLITE_NOTADB: UNREADABLE,
}
"""By SQLite's result code; an extended code without an entry has that of its primary code, the lowest eight bits."""
_SQLITE_MESSAGES = {"no such table: ": NO_TABLES, "no such column: |has no column named ": OUTDATED}
"""SQLite has no code for these."""

POSTGRESQL: dict[str, Failure | None] = {
    "08": TEMPORARY,  # connection exception
    "22": STATEMENT,  # data exception
    "23": STATEMENT,  # integrity constraint violation
    "25006": TEMPORARY,  # read only, because the server is no longer the primary
    "40": TEMPORARY,  # transaction rollback
    "42": STATEMENT,  # syntax error or access rule violation
    "42P01": NO_TABLES,
    "53": TEMPORARY,  # insufficient resources
    "53100": DISK_FULL,
    "55": TEMPORARY,  # lock not available
    "57": TEMPORARY,  # operator intervention
    "58": TEMPORARY,  # system error
    "XX": TEMPORARY,  # internal error
}
"""By SQLSTATE; one without an entry has that of its class, the first two characters."""


class DriverErrors:
    """The exceptions of an engine's driver, and those in which SQLAlchemy wraps them.

    `diagnose` returns a sentence for operators: why the database needs repair, and what to do.
    """

    def __init__(self, engine: sa.Engine, diagnose: Callable[[], str] = lambda: "") -> None:
        self._driver: Any = engine.dialect.loaded_dbapi
        self._diagnose = diagnose
        self._find = _find_sqlite if engine.dialect.name == "sqlite" else self._find_postgresql
        self.types: tuple[type[Exception], ...] = (self._driver.Error, sa.exc.DBAPIError)

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
        return next((found for text, found in _SQLITE_MESSAGES.items() if re.match(f".*({text})", str(error))), None)
    return failure
