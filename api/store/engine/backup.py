"""Backup and restore of an SQLite database while it is in use."""

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api.settings import Settings
from api.store.engine import sqlite
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from api.store.engine.timeouts import Timeouts


class InvalidBackup(ValueError):
    """A backup that cannot be taken or is not valid; the message says why."""


def file(database: Database) -> Path:
    """Return the path of an SQLite database."""
    return Path(str(database.engine.url.database))


def save(database: Database, path: Path) -> None:
    """Copy a snapshot of the committed data to `path` and verify the copy. Readers and writers are not blocked."""
    timeouts = database.timeouts
    with _open(file(database), "rw", timeouts) as source, _open(path, "rwc", timeouts) as copy:
        _copy(source, copy, timeouts)
        # Leave one file: a write-ahead log beside it might be forgotten.
        copy.execute("PRAGMA journal_mode=DELETE")
        _verify(copy)


def restore(database: Database, path: Path) -> None:
    """Replace the database's content by the backup at `path` in one transaction, migrated if it is older.

    Raises `InvalidBackup`, and changes nothing, if the backup is damaged or from a newer version.
    """
    timeouts = database.timeouts
    with tempfile.TemporaryDirectory(dir=file(database).absolute().parent) as directory:
        verified = Path(directory, "verified.sqlite")
        with _open(verified, "rwc", timeouts) as copy, _open(path, "ro", timeouts) as saved:
            _copy(saved, copy, timeouts)
            _verify(copy)
        migrated = Database(Settings(database_url=f"sqlite:///{verified}"), timeouts=timeouts).migrate_if_embedded()
        migrated.close()
        sqlite.touch(file(database))
        with _open(verified, "rw", timeouts) as copy, _open(file(database), "rw", timeouts) as target:
            _copy(copy, target, timeouts)


@contextmanager
def _open(path: Path, mode: str, timeouts: Timeouts) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        with closing(sqlite3.connect(uri, timeout=timeouts.lock_seconds, uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise InvalidBackup(f"SQLite cannot use {path.name}: {error}.") from error


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, timeouts: Timeouts) -> None:
    """Replace `target` by `source`; raise `InvalidBackup` if another process holds a lock for too long."""
    deadline = time.monotonic() + timeouts.lock_seconds

    def give_up(status: int, _remaining: int, _total: int) -> None:
        # `Connection.backup` retries without limit, and does not react to Ctrl+C.
        if status == sqlite3.SQLITE_BUSY and time.monotonic() > deadline:
            raise InvalidBackup(f"Another process has been writing for {timeouts.lock_seconds} seconds. Try again.")

    source.backup(target, progress=give_up)


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
