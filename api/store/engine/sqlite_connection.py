"""Connections to an SQLite database that know which files they have open."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, TypeAlias

from api.store.errors import Unavailable

BEING_REPLACED = "The files of the database are being replaced. Try again later."

Inode: TypeAlias = tuple[int, int]
"""What identifies a file: its device and its inode."""
identify: Callable[[os.stat_result], Inode] = attrgetter("st_dev", "st_ino")
describe: Callable[[os.stat_result], tuple[int, int]] = attrgetter("st_mtime_ns", "st_size")


class Files(NamedTuple):
    """The database at a path, its write-ahead log, and the log's index in shared memory."""

    main: Inode
    log: Inode | None
    log_index: Inode | None


class Connection(sqlite3.Connection):
    """A connection that knows which files it has open."""

    paths: tuple[str, str, str]
    files: Files
    checked: tuple[int, int] | None = None
    """Time of the last change and size of the database when its header was checked for this connection."""
    check_again_at = 0.0
    """Monotonic time until which the last check of the files counts."""
    version = 0
    """Of the file that the connection opened: another one if it has since been overwritten by an intact copy."""


def sibling(path: Path, suffix: str) -> Path:
    """Return the path of the log (`-wal`) or of its index (`-shm`)."""
    # SQLite follows symbolic links before it adds a suffix.
    return Path(f"{os.path.realpath(path)}{suffix}")


def find_files(path: Path) -> Files | None:
    """Return the files that are at the path and beside it; None without the database."""
    main = _inode(path)
    return main and Files(main, _inode(sibling(path, "-wal")), _inode(sibling(path, "-shm")))


def connect(path: Path, lock_seconds: float) -> Connection:
    """Open the database at the path; never create it."""
    # Threads share the connection, one after the other.
    return sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        timeout=lock_seconds,
        isolation_level=None,
        check_same_thread=False,
        factory=Connection,
        uri=True,
    )


def open_files(path: Path, synchronous: str, lock_seconds: float) -> Connection:
    """Open the database and its log, and note which files they are."""
    connection = connect(path, lock_seconds)
    try:
        paths = path, sibling(path, "-wal"), sibling(path, "-shm")
        connection.paths = str(paths[0]), str(paths[1]), str(paths[2])
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()  # opens the log of a new file
        main, log, index = map(_inode, paths)
        if main is None:
            raise Unavailable(BEING_REPLACED)
        connection.files = Files(main, log, index)
    except BaseException:
        connection.close()
        raise
    return connection


def close(connection: Connection) -> None:
    """Close a connection; if its log was removed, first move what is committed there into the database.

    SQLite does so when the last connection closes, but not while another process checks whether it is the last.
    """
    found = find_files(Path(connection.paths[0]))
    if found and found.main == connection.files.main and found != connection.files:
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    connection.close()


def begin_alone(path: Path) -> None:
    """Raise `sqlite3.OperationalError` (busy) if another connection is open, with a log that has been removed.

    The last connection to such a log moves what is committed into the database when it closes.
    """
    with closing(connect(path, 0)) as connection:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        # No process uses it, as the lock was granted; SQLite would believe what it says of the log.
        sibling(path, "-shm").unlink(missing_ok=True)
        connection.execute("ROLLBACK")


def _inode(path: Path) -> Inode | None:
    try:
        return identify(path.stat())
    except OSError:
        return None
