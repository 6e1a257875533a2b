"""Statements on PostgreSQL that lock a table while requests go on."""

import time

import sqlalchemy as sa

LOCK_NOT_AVAILABLE = "55P03"
LOCK_TIMEOUT_SECONDS = 1.5
"""Longest wait for the lock: longer than PostgreSQL's `deadlock_timeout`, after which autovacuum gives way."""
PAUSE_SECONDS = 3
"""Pause between two attempts, in which requests are served."""


def execute_ddl(connection: sa.Connection, statement: str) -> None:
    """Execute a statement that locks a table, on a connection that commits each statement by itself.

    Every request that comes after it waits behind it for as long as it waits for the lock, such as until a dump of the
    database has finished, so it waits only for a short time, and tries again after a pause.
    """
    connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
    while not _try(connection, statement):
        time.sleep(PAUSE_SECONDS)
    connection.execute(sa.text("SET lock_timeout = 0"))


def _try(connection: sa.Connection, statement: str) -> bool:
    try:
        connection.execute(sa.text(statement))
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True
