"""The files of an SQLite database: opened so that no write goes into one that is no longer at its path.

SQLite itself opens whatever is at the path, and connections go on with a file that has been removed or replaced: what
they commit is gone when they close. https://www.sqlite.org/howtocorrupt.html has the ways.
"""

import fcntl
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from api.store.engine import sqlite_connection, sqlite_diagnosis
from api.store.engine.sqlite_connection import (
    BEING_REPLACED,
    Connection,
    Files,
    describe,
    find_files,
    identify,
    sibling,
)
from api.store.engine.sqlite_epochs import Epochs
from api.store.engine.sqlite_identity import Identity
from api.store.engine.timeouts import Timeouts
from api.store.errors import DatabaseNeedsRepair, Unavailable


class SQLiteFile:
    """A database's path, the files at it, and the connections to them.

    What is known of the files is for this process only. The constructor opens nothing.
    """

    def __init__(self, path: Path, synchronous: str, timeouts: Timeouts) -> None:
        self.path = path.absolute()
        self._synchronous = synchronous
        self._timeouts = timeouts
        self.epochs = Epochs()
        self._identity = Identity(self.path, timeouts.lock_seconds)

    def connect(self) -> Connection:
        """Open the files at the path; never create the database.

        Raises `sqlite3.Error`, and `Unavailable` if the files do not belong together.
        """
        wait = self._timeouts.pool_wait_seconds if self._identity.is_known else self._timeouts.lock_seconds
        deadline = time.monotonic() + wait
        while True:
            is_late = time.monotonic() > deadline
            before = find_files(self.path)
            if before is None:
                # Not left to SQLite, which would report only that it is unable to open the file.
                raise DatabaseNeedsRepair("The database does not exist.", reason=self.diagnose())
            if self._identity.has_foreign_log(before):
                self.set_log_aside()
                continue
            has_log = None not in before
            try:
                if not has_log:
                    sqlite_connection.begin_alone(self.path)
                connection = sqlite_connection.open_files(self.path, self._synchronous, self._timeouts.lock_seconds)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or (is_late and has_log):
                    raise
                if is_late:
                    raise Unavailable(BEING_REPLACED, reason=sqlite_diagnosis.explain_lock(self.path)) from error
            else:
                expected = before if has_log else Files(before.main, *connection.files[1:])
                try:
                    is_complete = None not in connection.files and expected == connection.files
                    if is_complete and self._identity.remember(connection):
                        return connection
                except BaseException:
                    connection.close()
                    raise
                connection.close()
                if is_late:
                    raise Unavailable(BEING_REPLACED)
            time.sleep(0.01)

    def is_current(self, connection: Connection) -> bool:
        """Whether the files that a connection has open are those at the path, and only SQLite has changed them."""
        connection.check_again_at = 0
        try:
            found = [*map(os.stat, connection.paths)]
        except OSError:
            return False
        if connection.files != tuple(map(identify, found)) or not (
            connection.checked == describe(found[0]) or self._identity.check(connection, found[0])
        ):
            return False
        connection.check_again_at = time.monotonic() + self._timeouts.file_check_seconds
        return True

    def was_current(self, connection: Connection) -> bool:
        """Return `is_current` as of at most `file_check_seconds` ago.

        That is enough to begin, because no commit is acknowledged without `require_current`. Each `os.stat` lets
        another thread run: three of them make a read with many concurrent ones a fifth slower.
        """
        return time.monotonic() < connection.check_again_at or self.is_current(connection)

    def require_current(self, connection: Connection) -> None:
        """Raise `Unavailable` after a commit into files that are no longer at the path."""
        self.epochs.commit(connection)
        if not self.is_current(connection):
            raise Unavailable("The files of the database were replaced. Try again later.", reason=self.diagnose())

    def create(self) -> None:
        """Create the database, readable only by its owner, unless it exists: SQLite would let all users read it."""
        if find_files(self.path):
            return
        self.require_no_lost_database()
        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            reason = f"Cannot create the database {self.path}: {error.strerror}."
            raise DatabaseNeedsRepair("The database does not exist.", reason=reason) from None

    def require_no_lost_database(self) -> None:
        """Raise `DatabaseNeedsRepair` if there is a write-ahead log, whose database is missing."""
        log = sibling(self.path, "-wal")
        try:
            has_content = log.stat().st_size > 0
        except OSError:
            has_content = False
        # Another process may have created both files since the caller looked.
        if has_content and not find_files(self.path):
            raise DatabaseNeedsRepair(
                "The database does not exist.",
                reason=f"{self.path} does not exist, but its write-ahead log {log} does. Put the database back; if it "
                "is lost, restore a backup by `pressroom restore`, or remove the log to begin with no content.",
            )

    def require_writable(self) -> None:
        """Raise `DatabaseNeedsRepair` if a file or the directory is missing, or not writable."""
        if reason := self.diagnose():
            raise DatabaseNeedsRepair(
                "The database cannot be written until its operator has repaired it.", reason=reason
            )

    def set_log_aside(self) -> None:
        """Rename a write-ahead log that belongs to a database that is gone; SQLite would apply it to another one."""
        log = sibling(self.path, "-wal")
        with suppress(FileNotFoundError):
            descriptor = os.open(log, os.O_RDONLY)
            try:
                # Of several processes that find the same log, one renames it: the next may have a new one.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(log.stat(), os.fstat(descriptor)):
                    log.rename(f"{log}.replaced-{time.time_ns()}")
            finally:
                os.close(descriptor)

    def diagnose(self, *, may_be_missing: bool = False) -> str:
        """Return why the database cannot be used, and what to do, in a sentence for operators; empty if unknown."""
        return sqlite_diagnosis.diagnose(self.path, may_be_missing=may_be_missing)

    def explain_failure(self) -> str:
        """Return the same for a statement that failed, which may have needed space."""
        return sqlite_diagnosis.explain_failure(self.path)

    def close(self) -> None:
        """Close what is not a connection. SQLite's locks on the database end: close the connections before."""
        self._identity.close()
