"""SQLite's write transactions."""

import sqlite3
import time
from typing import Any

from api.store.engine.timeouts import Timeouts


def begin_immediate(driver: Any, timeouts: Timeouts = Timeouts(), *, wait: bool = True) -> None:
    """Begin a write transaction on the driver's connection, as soon as no other process writes.

    Raises `sqlite3.OperationalError` (busy) after `lock_seconds`, or immediately if `wait` is false. SQLite itself
    would pause for up to 100 ms between attempts, and rarely find the lock free while the writers of another process
    follow one another.
    """
    deadline = time.monotonic() + (timeouts.lock_seconds if wait else 0)
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while not _try_to_begin(driver, deadline):
            time.sleep(timeouts.lock_retry_seconds)
    finally:
        driver.execute(f"PRAGMA busy_timeout={timeouts.lock_seconds * 1000:.0f}")


def _try_to_begin(driver: Any, deadline: float) -> bool:
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
            raise
        return False
    return True
