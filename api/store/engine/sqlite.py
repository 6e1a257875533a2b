"""SQLite's transactions."""

from api.store.engine.connections import Connection
from api.store.engine.timeouts import Timeouts


def begin_immediate_or_fail(connection: Connection, timeouts: Timeouts) -> None:
    """Begin a write transaction, or fail without waiting if another process is writing."""
    connection.execute_sql("PRAGMA busy_timeout=0")
    try:
        connection.execute_sql("BEGIN IMMEDIATE")
    finally:
        connection.execute_sql(f"PRAGMA busy_timeout={int(timeouts.lock_seconds * 1000)}")
