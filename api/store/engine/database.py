"""The database: an SQLite file beside the process, or PostgreSQL."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from api.settings import Settings
from api.store.engine import engines, migrate, sqlite
from api.store.engine.connections import Connection, Query, StatementCache
from api.store.engine.driver_errors import DriverErrors
from api.store.engine.migrate import HEAD
from api.store.engine.pool import Pool
from api.store.errors import Unavailable

PATIENCE = 5
"""Seconds to wait for a new connection, for one's turn to write, and then for the writers of other processes."""

_POSTGRESQL_KNOWS = "WHERE to_regclass('alembic_version') IS NOT NULL"


class _Version(NamedTuple):
    version_num: str


class _Found(NamedTuple):
    found: int


_VERSION = Query(_Version, sa.text("SELECT version_num FROM alembic_version").columns(version_num=sa.String))


class Database:
    """Connections to what is kept: autocommitted to read, in one transaction to write.

    Making one connects to nothing. Whoever is to wait less than others, in seconds, says so by `patience`, and who is
    to have fewer connections by `connections`.
    """

    def __init__(self, settings: Settings, *, patience: float | None = None, connections: int | None = None) -> None:
        patience = patience or PATIENCE
        self.engine = engines.create(settings, patience=patience)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._file = Path(str(self.engine.url.database)).absolute()
        self._statements = StatementCache(self.engine.dialect)
        # Of more than two threads, one is left for what needs no database.
        self._pool = Pool(self.engine, connections or max(min(2, settings.threads), settings.threads - 1))
        self._failures = DriverErrors(self.engine)
        # A transaction of SQLite that begins DEFERRED fails as soon as it writes what another has written meanwhile.
        self._begin_write = "BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN"
        self._begin_snapshot = "BEGIN DEFERRED" if self.is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ"
        known = "FROM sqlite_schema WHERE name = 'alembic_version'" if self.is_sqlite else _POSTGRESQL_KNOWS
        self._is_versioned = Query(_Found, sa.text(f"SELECT 1 AS found {known}").columns(found=sa.Integer))
        # SQLite wakes waiting writers in no order: a queue within the process doubles what they get done.
        self._write_slots = threading.Lock() if self.is_sqlite else threading.BoundedSemaphore(settings.threads)

    def migrate_if_embedded(self) -> "Database":
        """This database, made or brought up to date if it is embedded; others are migrated by their operator.

        `Unavailable` for a file that cannot be made.
        """
        if self.is_sqlite:
            sqlite.touch(self._file)
            if (self.revision() or "") < HEAD:
                self.upgrade()
        return self

    def require_current_schema(self) -> "Database":
        """This database, if it is there and its tables are this version's or newer; nothing is made or migrated.

        `Unavailable` if not.
        """
        if self.is_sqlite and not self._file.exists():
            raise Unavailable("There is no database.") from FileNotFoundError(f"PRESSROOM_DATABASE_URL: {self._file}")
        if (self.revision() or "") < HEAD:
            raise Unavailable("The tables are not those of this version. Run `pressroom db upgrade`.")
        return self

    def close(self) -> None:
        """Close the connections that nobody is using."""
        self._pool.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on which every statement sees what is committed; `Unavailable` if there is none."""
        try:
            driver = self._pool.take()
            try:
                yield Connection(driver, self._statements)
            except self._failures.kinds:
                # It may lead to a server that hangs, or is no primary any more.
                broken, driver = driver, None
                self._pool.discard(broken)
                raise
            finally:
                self._pool.give(driver)
        except self._failures.kinds as error:
            self._failures.translate(error)
            raise

    @contextmanager
    def write(self, *, wait: bool = True) -> Iterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back if an exception leaves the block.

        `Unavailable` if one's turn does not come in time; at once, unless one may `wait`.
        """
        if not self._write_slots.acquire(timeout=PATIENCE if wait else 0):
            raise Unavailable("Too many are writing. Try again in a moment.")
        try:
            with self.read() as connection:
                if wait or not self.is_sqlite:
                    connection.execute_sql(self._begin_write)
                else:
                    sqlite.begin_at_once(connection, patience=PATIENCE)
                try:
                    yield connection
                    connection.commit()
                except BaseException:
                    connection.rollback()
                    raise
        finally:
            self._write_slots.release()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which all statements see the same moment, whatever is written meanwhile."""
        with self.read() as connection:
            connection.execute_sql(self._begin_snapshot)
            try:
                yield connection
            finally:
                connection.rollback()

    def revision(self) -> str | None:
        """The migration that the database is at; None before the first."""
        with self.read() as db:
            row = db.one_or_none(_VERSION) if db.one_or_none(self._is_versioned) else None
            return row.version_num if row else None

    def upgrade(self) -> None:
        """Bring the tables to this version's migration. Safe to run from many processes at once."""
        # On SQLite the transaction begins by hand.
        engine = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="READ COMMITTED")
        with self._write_slots, self._failures.translated(), engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql(self._begin_write)
            else:
                connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
                connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
                connection.connection.driver_connection.limit = None  # type: ignore[union-attr] # it is connected
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('pressroom upgrade'))"))
            migrate.upgrade(connection)
