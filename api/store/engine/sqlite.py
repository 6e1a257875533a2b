"""SQLite's transactions."""

import sqlite3
import time
from collections.abc import Callable

from api.store.engine.connections import Connection
from api.store.engine.timeouts import Timeouts

_PAUSE_SECONDS = 0.002
_BEGIN = "BEGIN IMMEDIATE"


def begin_immediate(connection: Connection, timeouts: Timeouts, *, wait: bool) -> None:
    """Begin a write transaction; raise `sqlite3.OperationalError` (busy) if another process writes for too long.

    Too long is `lock_seconds`, or any time unless `wait`. SQLite itself would pause for up to 100 ms between attempts,
    and rarely find the lock free while the writers of another process follow one another.
    """
    execute = connection._driver.execute  # noqa: SLF001 (of this package)
    execute("PRAGMA busy_timeout=0")
    try:
        execute(_BEGIN)
    except sqlite3.OperationalError:
        if not wait:
            raise
        _begin_again(execute, deadline=time.monotonic() + timeouts.lock_seconds)
    finally:
        execute(timeouts.busy_timeout_pragma)


def _begin_again(execute: Callable[[str], object], *, deadline: float) -> None:
    while True:
        time.sleep(_PAUSE_SECONDS)
        try:
            execute(_BEGIN)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
