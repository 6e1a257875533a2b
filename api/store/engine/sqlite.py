"""SQLite as the embedded database: durable and strict, with waiting writers."""

import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa

from api.store.engine.connections import Connection
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable


def configure(engine: sa.Engine, synchronous: str, timeouts: Timeouts) -> None:
    """Configure new connections: no implicit transactions, a write-ahead log, and foreign keys as in PostgreSQL."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        _enable_wal(connection, timeouts)
        for pragma in (f"synchronous={synchronous}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")


def touch(file: Path) -> None:
    """Create the file, readable only by its owner, unless it exists: SQLite would let all users read it."""
    if file.exists():
        return
    try:
        file.touch(mode=0o600)
    except OSError as error:
        raise Unavailable(f"Cannot create the database {file}: {error.strerror}.") from None


def begin_immediate_or_fail(connection: Connection, timeouts: Timeouts) -> None:
    """Begin a write transaction, or fail without waiting if another process is writing."""
    connection.execute_sql("PRAGMA busy_timeout=0")
    try:
        connection.execute_sql("BEGIN IMMEDIATE")
    finally:
        connection.execute_sql(f"PRAGMA busy_timeout={int(timeouts.lock_seconds * 1000)}")


def _enable_wal(connection: sqlite3.Connection, timeouts: Timeouts) -> None:
    """Enable the write-ahead log, with retries: in a new file that needs a lock which `busy_timeout` does not cover."""
    deadline = time.monotonic() + timeouts.lock_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
