"""SQLite as the embedded database: durable and strict, with waiting writers."""

import getpass
import os
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


def check_writable(file: Path) -> None:
    """Raise `Unavailable` unless this user can create or write the file, and others beside it."""
    paths = [file.parent, file] if file.exists() else [file.parent]
    for path in paths:
        if not path.exists():
            raise Unavailable(f"Cannot create the database {file}: the directory {path} does not exist. Create it.")
        mode = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
        if not os.access(path, mode, effective_ids=os.access in os.supports_effective_ids):
            raise Unavailable(f"{path} is not writable by {getpass.getuser()}. Change its owner or its mode.")
    if file.is_dir():
        raise Unavailable(f"The database {file} is a directory. Add the name of a file to PRESSROOM_DATABASE_URL.")


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
