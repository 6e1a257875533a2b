"""Copies of an SQLite database: taken while it is written to, proven, and put back while it is read."""

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api.settings import Settings
from api.store.engine import sqlite
from api.store.engine.database import PATIENCE, Database
from api.store.engine.migrate import HEAD


class InvalidBackup(ValueError):
    """A copy that cannot be taken or trusted; its text says why."""


def file(database: Database) -> Path:
    """Where an embedded database is kept."""
    return Path(str(database.engine.url.database))


def save(database: Database, path: Path) -> None:
    """Copy what is committed at this moment to `path`, and prove the copy. Nobody waits for it."""
    with _open(file(database), "rw") as kept, _open(path, "rwc") as copy:
        _copy(kept, copy)
        # One file, without a log beside it that might be forgotten.
        copy.execute("PRAGMA journal_mode=DELETE")
        _prove(copy)


def restore(database: Database, path: Path) -> None:
    """Let the database be what was saved to `path`, migrated if it is of an older version.

    One transaction. `InvalidBackup`, before it begins, for a copy that cannot be trusted or is of a newer version.
    """
    with tempfile.TemporaryDirectory(dir=file(database).absolute().parent) as directory:
        proven = Path(directory, "proven.sqlite")
        with _open(proven, "rwc") as copy, _open(path, "ro") as saved:
            _copy(saved, copy)
            _prove(copy)
        migrated = Database(Settings(database_url=f"sqlite:///{proven}")).migrate_if_embedded()
        migrated.close()
        sqlite.touch(file(database))
        with _open(proven, "rw") as copy, _open(file(database), "rw") as kept:
            _copy(copy, kept)


@contextmanager
def _open(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        with closing(sqlite3.connect(address, timeout=PATIENCE, uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise InvalidBackup(f"SQLite says of {path.name}: {error}.") from error


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Let `target` be what `source` is; `InvalidBackup` if another process is in the way for too long."""
    deadline = time.monotonic() + PATIENCE

    def give_up(status: int, _remaining: int, _all: int) -> None:
        # Python tries again without end, and does not even hear Ctrl+C.
        if status == sqlite3.SQLITE_BUSY and time.monotonic() > deadline:
            raise InvalidBackup(f"Somebody else has been writing for {PATIENCE} seconds. Try again.")

    source.backup(target, progress=give_up)


def _prove(copy: sqlite3.Connection) -> None:
    [first, *_] = copy.execute("PRAGMA integrity_check").fetchone()
    if first != "ok":
        raise InvalidBackup(f"It is damaged: {first}.")
    if copy.execute("PRAGMA foreign_key_check").fetchone():
        raise InvalidBackup("It is damaged: a row names another that is not there.")
    if not copy.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
        raise InvalidBackup("It is not a database of Pressroom's.")
    [revision] = copy.execute("SELECT coalesce(max(version_num), '') FROM alembic_version").fetchone()
    if revision > HEAD:
        raise InvalidBackup("It is of a newer version. Run that one.")
