"""Schema migrations, run by Alembic."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from api.store.engine import sqlite
from api.store.engine.connections import Connection, Query, StatementCache
from api.store.errors import Unavailable

MIGRATIONS = Path(__file__).parents[1] / "migrations"
REVISIONS = sorted(path.stem.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))
HEAD = REVISIONS[-1]

_one_at_a_time = threading.Lock()
"""Alembic's `op` is the same in all threads."""


class _Found(NamedTuple):
    found: int


class _Version(NamedTuple):
    version_num: str


_TABLE = Query(
    _Found,
    sa.text("SELECT 1 AS found FROM sqlite_schema WHERE name = 'alembic_version'").columns(found=sa.Integer),
    postgresql=sa.text("SELECT 1 AS found WHERE to_regclass('alembic_version') IS NOT NULL").columns(found=sa.Integer),
)
_VERSION = Query(_Version, sa.text("SELECT version_num FROM alembic_version").columns(version_num=sa.String))


class MigratedByAnother(Exception):
    """Another process has finished the same migration."""


def read_revision(db: Connection) -> str | None:
    """Return the database's current migration; None before the first."""
    row = db.one_or_none(_VERSION) if db.one_or_none(_TABLE) else None
    return row.version_num if row else None


def upgrade_all(engine: sa.Engine, last: str = HEAD) -> None:
    """Migrate the schema to a revision, if it is at an earlier one. Safe to run from many processes at once."""
    # On SQLite the driver is in autocommit mode, so the transaction is begun explicitly below.
    if engine.dialect.name != "sqlite":
        engine = engine.execution_options(isolation_level="READ COMMITTED")
    # A transaction for each migration, so that none holds the locks of those before it.
    while _upgrade_next(engine, last):
        pass


def _upgrade_next(engine: sa.Engine, last: str) -> bool:
    try:
        with _one_at_a_time:
            return _upgrade_in_transaction(engine, last)
    except MigratedByAnother:
        return True


def _upgrade_in_transaction(engine: sa.Engine, last: str) -> bool:
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            sqlite.begin_immediate(connection.connection.driver_connection)
        else:
            # This transaction is idle while `autocommitting` works.
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(sa.text(f"SET LOCAL {name} = 0"))
            connection.connection.driver_connection.reply_seconds = None  # type: ignore[union-attr] # it is connected
            # Not the function that waits: its snapshot would keep CREATE INDEX CONCURRENTLY waiting.
            while not connection.scalar(sa.text("SELECT pg_try_advisory_xact_lock(hashtext('pressroom upgrade'))")):
                time.sleep(0.1)
        return upgrade(connection, last=last)


def upgrade(connection: sa.Connection, revision: str = "+1", *, last: str = HEAD) -> bool:
    """Migrate the schema to a revision, the next unless it is given, in the transaction of `connection`.

    Return False if it is at `last` or a later one that is known; `Unavailable` if it is newer.
    """
    # Alembic takes 0.2 s and 10 MB to import; only migrations need it.
    from alembic import command, config, migration, util  # noqa: PLC0415

    if migration.MigrationContext.configure(connection).get_current_revision() in REVISIONS[REVISIONS.index(last) :]:
        return False

    configuration = config.Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    try:
        command.upgrade(configuration, revision)
    except util.CommandError as error:
        raise Unavailable("The database schema is from a newer version of Pressroom. Run that version.") from error
    return True


@contextmanager
def autocommitting(connection: sa.Connection) -> Iterator[sa.Connection]:
    """Open another connection to PostgreSQL, without timeouts, on which each statement is committed by itself.

    The transaction of `connection` keeps other migrations from starting.
    """
    with connection.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
        other.connection.driver_connection.reply_seconds = None  # type: ignore[union-attr] # it is connected
        for name in ("statement_timeout", "lock_timeout"):
            other.execute(sa.text(f"SET {name} = 0"))
        try:
            yield other
        finally:
            for name in ("statement_timeout", "lock_timeout"):
                other.execute(sa.text(f"RESET {name}"))


def store_connection(connection: sa.Connection) -> Connection:
    """Return the connection as functions of the store take it."""
    return Connection(connection.connection.driver_connection, StatementCache(connection.dialect))


def transacting(connection: sa.Connection) -> Callable[[Callable[[Connection], Any]], Any]:
    """Return a function that calls another one with the connection in a transaction, like `Database.transact`."""
    db = store_connection(connection)
    begin: Callable[[], None] = partial(db.execute_sql, "BEGIN")
    if connection.dialect.name == "sqlite":
        begin = partial(sqlite.begin_immediate, connection.connection.driver_connection)

    def transact(work: Callable[[Connection], Any]) -> Any:
        begin()
        try:
            result = work(db)
        except BaseException:
            db.rollback()
            raise
        db.commit()
        return result

    return transact


@contextmanager
def suspended(connection: sa.Connection, revision: str) -> Iterator[None]:
    """Commit the transaction of a migration of SQLite, and begin another one at the end of the block.

    In the block others may write, or run the same migration: `MigratedByAnother` if one has left `revision`.
    """
    connection.exec_driver_sql("COMMIT")
    yield
    sqlite.begin_immediate(connection.connection.driver_connection)
    if connection.scalar(sa.text("SELECT version_num FROM alembic_version")) != revision:
        raise MigratedByAnother


def batches(connection: sa.Connection, table: str, column: str, size: int) -> Iterator[dict[str, int]]:
    """Yield the ranges of ids, `first` up to but not including `after`, in which there are rows.

    An import may set an id of 2**52, so the ranges do not simply follow each other.
    """
    lowest = sa.text(f"SELECT min({column}) FROM {table} WHERE {column} >= :after")  # noqa: S608 (constants)
    after = 0
    while (first := connection.scalar(lowest, {"after": after})) is not None:
        after = first + size
        yield {"first": first, "after": after}
