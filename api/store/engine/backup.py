"""Backup and restore of an SQLite database while it is in use."""

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api.atomic import sync, unfinished_directory
from api.settings import Settings
from api.store.engine.database import Database
from api.store.engine.engines import SQLITE_PREFIX
from api.store.engine.migrate import HEAD
from api.store.engine.sqlite_file import SQLiteFile
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable

_PAGES_AT_ONCE = 2_000


class InvalidBackup(ValueError):
    """A backup that cannot be taken or is not valid; the message says why."""


def save(file: SQLiteFile, path: Path, timeouts: Timeouts) -> None:
    """Copy a snapshot of the committed data to `path` and verify the copy. Readers and writers are not blocked."""
    with _open_database(file) as source, _open(path, "rwc", timeouts) as copy:
        _copy(source, copy, timeouts)
        # Leave one file: a write-ahead log beside it might be forgotten.
        copy.execute("PRAGMA journal_mode=DELETE")
        _verify(copy)


def restore(file: SQLiteFile, path: Path, timeouts: Timeouts) -> None:
    """Replace the database's content by the backup at `path` in one transaction, migrated if it is older.

    A database that SQLite cannot read is replaced as a file. Raises `InvalidBackup`, and changes nothing, if the backup
    is damaged or from a newer version.
    """
    target_path = file.path.resolve()
    with unfinished_directory(target_path.parent) as directory:
        verified = directory / "verified.sqlite"
        with _open(verified, "rwc", timeouts) as copy, _open(path, "ro", timeouts) as saved:
            _copy(saved, copy, timeouts)
            _verify(copy)
        migrated = Database(Settings(database_url=f"{SQLITE_PREFIX}{verified}"), timeouts=timeouts)
        with migrated.migrate_if_embedded().write():
            pass  # begins an epoch of the change feeds: a server that has the target open would not
        migrated.close()
        if not target_path.exists():
            verified.chmod(0o600)
            sync(verified)
            file.set_log_aside()
            os.link(verified, target_path)
            sync(target_path.parent)
        elif _is_readable(file):
            # A server that has the database open sees another transaction.
            with _open_database(file) as target, _open(verified, "rw", timeouts) as copy:
                _adopt_page_size(copy, target)
                _copy(copy, target, timeouts)
        else:
            owner = target_path.stat()
            os.chown(verified, owner.st_uid, owner.st_gid)
            verified.chmod(stat.S_IMODE(owner.st_mode))
            sync(verified)
            file.set_log_aside()
            verified.replace(target_path)
            sync(target_path.parent)


def _is_readable(file: SQLiteFile) -> bool:
    try:
        file.connect().close()
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    except Unavailable:
        pass  # reported by the next attempt
    return True


@contextmanager
def _open_database(file: SQLiteFile) -> Iterator[sqlite3.Connection]:
    try:
        with closing(file.connect()) as connection:
            _let_signals_interrupt(connection)
            yield connection
    except sqlite3.Error as error:
        raise InvalidBackup(f"SQLite cannot use {file.path.name}: {error}.") from error
    except Unavailable as error:
        raise InvalidBackup(error.message_for_operators) from error


@contextmanager
def _open(path: Path, mode: str, timeouts: Timeouts) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        with closing(sqlite3.connect(uri, timeout=timeouts.lock_seconds, uri=True)) as connection:
            _let_signals_interrupt(connection)
            yield connection
    except sqlite3.Error as error:
        raise InvalidBackup(f"SQLite cannot use {path.name}: {error}.") from error


def _let_signals_interrupt(connection: sqlite3.Connection) -> None:
    """Run Python code during long statements: only then does Python handle signals."""
    connection.set_progress_handler(lambda: 0, 100_000)


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, timeouts: Timeouts) -> None:
    """Replace `target` by `source`; raise `InvalidBackup` if another process holds a lock for too long."""
    deadline = time.monotonic() + timeouts.lock_seconds

    def give_up(status: int, _remaining: int, _total: int) -> None:
        # `Connection.backup` retries without limit.
        if status == sqlite3.SQLITE_BUSY and time.monotonic() > deadline:
            raise InvalidBackup(f"Another process has been writing for {timeouts.lock_seconds} seconds. Try again.")

    # Copied in parts, so that a signal can end it, and from one snapshot, or each write would start it again.
    source.execute("BEGIN")
    source.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    source.backup(target, pages=_PAGES_AT_ONCE, progress=give_up, sleep=0.05)
    source.execute("ROLLBACK")


def _adopt_page_size(copy: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Give `copy` the page size of `target`, which cannot change while it has a write-ahead log."""
    [page_size] = target.execute("PRAGMA page_size").fetchone()
    copy.execute("PRAGMA journal_mode=DELETE")
    copy.execute(f"PRAGMA page_size={page_size}")
    copy.execute("VACUUM")


def _verify(copy: sqlite3.Connection) -> None:
    [result, *_] = copy.execute("PRAGMA integrity_check").fetchone()
    if result != "ok":
        raise InvalidBackup(f"The database is damaged: {result}.")
    if copy.execute("PRAGMA foreign_key_check").fetchone():
        raise InvalidBackup("The database is damaged: a row references a row that does not exist.")
    if not copy.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
        raise InvalidBackup("This is not a Pressroom database.")
    [revision] = copy.execute("SELECT coalesce(max(version_num), '') FROM alembic_version").fetchone()
    if revision > HEAD:
        raise InvalidBackup("The database is from a newer version of Pressroom. Use that version.")
