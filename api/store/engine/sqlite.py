"""SQLite, as the embedded database: it keeps what it acknowledged, and its writers take turns."""

import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa

from api.store.engine.connections import Connection
from api.store.errors import Unavailable


def embed(engine: sa.Engine, synchronous: str, *, patience: float) -> None:
    """Take transactions from the driver's hands, and make SQLite as strict as PostgreSQL."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        _write_ahead(connection, patience)
        for pragma in (f"synchronous={synchronous}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")


def touch(file: Path) -> None:
    """Make the file, empty and its owner's alone, if it is not there: SQLite would let everybody read it."""
    if file.exists():
        return
    try:
        file.touch(mode=0o600)
    except OSError as error:
        raise Unavailable(f"The database {file} cannot be made: {error.strerror}.") from None


def begin_at_once(connection: Connection, *, patience: float) -> None:
    """Begin to write, or fail if another process is writing; whoever has the connection next waits again."""
    connection.execute_sql("PRAGMA busy_timeout=0")
    try:
        connection.execute_sql("BEGIN IMMEDIATE")
    finally:
        connection.execute_sql(f"PRAGMA busy_timeout={int(patience * 1000)}")


def _write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Turn the write-ahead log on. For a new file that needs a lock, which SQLite does not wait for by itself."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
