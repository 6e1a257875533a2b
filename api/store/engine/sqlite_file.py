"""The files of an SQLite database: opened so that no write goes into one that is no longer at its path.

SQLite itself opens whatever is at the path, and connections go on with a file that has been removed or replaced: what
they commit is gone when they close. https://www.sqlite.org/howtocorrupt.html has the ways.
"""

import fcntl
import os
import pwd
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, TypeAlias

from api.store.engine.timeouts import Timeouts
from api.store.errors import DatabaseNeedsRepair, Unavailable

WAL_FORMAT = b"\2\2"
"""Bytes 18 and 19 of a database with a write-ahead log (https://www.sqlite.org/fileformat.html)."""
_ALMOST_FULL_BYTES = 2**20
_BEING_REPLACED = "The files of the database are being replaced. Try again later."


Inode: TypeAlias = tuple[int, int]
"""What identifies a file: its device and its inode."""
_identify: Callable[[os.stat_result], Inode] = attrgetter("st_dev", "st_ino")
_describe: Callable[[os.stat_result], tuple[int, int]] = attrgetter("st_mtime_ns", "st_size")


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
    version = 0
    """Of the file that the connection opened: another one if it has since been overwritten by an intact copy."""


class Header(NamedTuple):
    """What only increases in a database that nothing but SQLite writes."""

    change_counter: int
    pages: int


class SQLiteFile:
    """A database's path, the files at it, and the connections to them.

    What is known of the files is for this process only. The constructor opens nothing.
    """

    def __init__(self, path: Path, synchronous: str, timeouts: Timeouts) -> None:
        self.path = path.absolute()
        self._synchronous = synchronous
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._files: Files | None = None
        # Open descriptors: so that no other file gets the inode of one that is compared.
        self._main: int | None = None
        self._log: int | None = None
        self._header: Header | None = None
        self._checked: tuple[int, int] | None = None
        self._version = 0
        self._overwritten: Inode | None = None

    def connect(self) -> Connection:
        """Open the files at the path; never create the database.

        Raises `sqlite3.Error`, and `Unavailable` if the files do not belong together.
        """
        wait = self._timeouts.lock_seconds if self._files is None else self._timeouts.pool_wait_seconds
        deadline = time.monotonic() + wait
        while True:
            is_late = time.monotonic() > deadline
            before = self._stat()
            if before is None:
                # Not left to SQLite, which would report only that it is unable to open the file.
                raise DatabaseNeedsRepair("The database does not exist.", reason=self.diagnose())
            if self._is_replaced(before):
                self.set_log_aside()
                continue
            has_log = None not in before
            try:
                if not has_log:
                    self._begin_alone()
                connection = self._open()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or (is_late and has_log):
                    raise
                if is_late:
                    raise Unavailable(_BEING_REPLACED, reason=self._explain_lock()) from error
            else:
                expected = before if has_log else Files(before.main, *connection.files[1:])
                try:
                    if None not in connection.files and expected == connection.files and self._remember(connection):
                        return connection
                except BaseException:
                    connection.close()
                    raise
                connection.close()
                if is_late:
                    raise Unavailable(_BEING_REPLACED)
            time.sleep(0.01)

    def is_current(self, connection: Connection) -> bool:
        """Whether the files that a connection has open are those at the path, and only SQLite has changed them."""
        try:
            found = [*map(os.stat, connection.paths)]
        except OSError:
            return False
        # Few operations of the interpreter: this runs with every request.
        return connection.files == tuple(map(_identify, found)) and (
            connection.checked == _describe(found[0]) or self._check(connection, found[0])
        )

    def require_current(self, connection: Connection) -> None:
        """Raise `Unavailable` after a commit into files that are no longer at the path."""
        if not self.is_current(connection):
            raise Unavailable("The files of the database were replaced. Try again later.", reason=self.diagnose())

    def create(self) -> None:
        """Create the database, readable only by its owner, unless it exists: SQLite would let all users read it."""
        if self.path.exists():
            return
        log = self._sibling("-wal")
        if log.exists() and log.stat().st_size:
            raise DatabaseNeedsRepair(
                "The database does not exist.",
                reason=f"{self.path} does not exist, but its write-ahead log {log} does. Put the database back; if it "
                "is lost, restore a backup by `pressroom restore`, or remove the log to begin with no content.",
            )
        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            reason = f"Cannot create the database {self.path}: {error.strerror}."
            raise DatabaseNeedsRepair("The database does not exist.", reason=reason) from None

    def require_writable(self) -> None:
        """Raise `DatabaseNeedsRepair` if a file or the directory is missing, or not writable."""
        if reason := self.diagnose():
            raise DatabaseNeedsRepair(
                "The database cannot be written until its operator has repaired it.", reason=reason
            )

    def set_log_aside(self) -> None:
        """Rename a write-ahead log that belongs to a database that is gone; SQLite would apply it to another one."""
        log = self._sibling("-wal")
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
        directory = self.path.resolve().parent
        if not directory.is_dir():
            action = "create" if may_be_missing else "open"
            return f"Cannot {action} the database {self.path}: the directory {directory} does not exist. Create it."
        if not self.path.exists() and not may_be_missing:
            return f"The database {self.path} does not exist. Put it back, or restore a backup by `pressroom restore`."
        if self.path.is_dir():
            return f"The database {self.path} is a directory. Add the name of a file to PRESSROOM_DATABASE_URL."
        for path in (directory, self.path, self._sibling("-wal"), self._sibling("-shm")):
            mode = os.R_OK | os.W_OK | (os.X_OK if path is directory else 0)
            if path.exists() and not os.access(path, mode, effective_ids=os.access in os.supports_effective_ids):
                if os.statvfs(path).f_flag & os.ST_RDONLY:
                    return f"{path} is not writable: it is on a read-only file system. Mount it writable."
                return f"{path} is not writable by {_user_name()}. Change its owner or its mode."
        return ""

    def explain_failure(self) -> str:
        """Return the same for a statement that failed, which may have needed space."""
        if reason := self.diagnose():
            return reason
        volume = os.statvfs(self.path)
        is_full = volume.f_bavail * volume.f_frsize < _ALMOST_FULL_BYTES
        return f"The file system of {self.path} is full. Make space on it." if is_full else ""

    def close(self) -> None:
        """Close what is not a connection. SQLite's locks on the database end: close the connections before."""
        with self._lock:
            self._close(self._main)
            self._close(self._log)
            self._files = self._main = self._log = self._header = self._checked = None

    def _sibling(self, suffix: str) -> Path:
        # SQLite follows symbolic links before it adds a suffix.
        return Path(f"{os.path.realpath(self.path)}{suffix}")

    def _stat(self) -> Files | None:
        main = _inode(self.path)
        return main and Files(main, _inode(self._sibling("-wal")), _inode(self._sibling("-shm")))

    def _is_replaced(self, now: Files) -> bool:
        """Whether the log belongs to another database; raise `DatabaseNeedsRepair` if this one was overwritten."""
        with self._lock:
            before = self._files
            if self._overwritten == now.main:
                raise DatabaseNeedsRepair(
                    "The database cannot be read until its operator has repaired it.",
                    reason=f"{self.path} was overwritten while it was in use. Stop the server, remove "
                    f"{self._sibling('-wal')} and {self._sibling('-shm')}, put an intact file in its place, and start.",
                )
            return before is not None and now.main != before.main and now.log is not None and now.log == before.log

    def _explain_lock(self) -> str:
        return (
            f"Another process has {self.path} locked, or {self._sibling('-wal')} or -shm was removed while the "
            f"database was in use: then all processes must close it first. Stop those that `fuser {self.path}` lists."
        )

    def _begin_alone(self) -> None:
        """Raise `sqlite3.OperationalError` (busy) if another connection is open, with a log that has been removed.

        The last connection to such a log moves what is committed into the database when it closes.
        """
        with closing(self._connect(0)) as connection:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            # No process uses it, as the lock was granted; SQLite would believe what it says of the log.
            self._sibling("-shm").unlink(missing_ok=True)
            connection.execute("ROLLBACK")

    def _open(self) -> Connection:
        connection = self._connect(self._timeouts.lock_seconds)
        try:
            paths = self.path, self._sibling("-wal"), self._sibling("-shm")
            connection.paths = str(paths[0]), str(paths[1]), str(paths[2])
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()  # opens the log of a new file
            main, log, index = map(_inode, paths)
            if main is None:
                raise Unavailable(_BEING_REPLACED)
            connection.files = Files(main, log, index)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, lock_seconds: float) -> Connection:
        # Threads share the connection, one after the other.
        return sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",
            timeout=lock_seconds,
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
            uri=True,
        )

    def _remember(self, connection: Connection) -> bool:
        """Make the connection's files those that others are compared with; return whether they can be opened."""
        with self._lock:
            connection.version = self._version
            if self._files == connection.files:
                return True
            is_same = self._files is not None and self._files.main == connection.files.main
            try:
                if not is_same:
                    # Closing a file ends all locks of the process on it (POSIX), so the database stays open until it
                    # has been replaced.
                    self._close(self._main)
                    self._main = self._header = self._checked = None
                    self._main = os.open(self.path, os.O_RDONLY)
                log = os.open(connection.paths[1], os.O_RDONLY)
            except FileNotFoundError:
                return False
            except OSError as error:  # such as too many open files
                raise Unavailable("The database is unavailable. Try again later.") from error
            self._close(self._log)
            self._log, self._files = log, connection.files
            return True

    @staticmethod
    def _close(descriptor: int | None) -> None:
        if descriptor is not None:
            os.close(descriptor)

    def _check(self, connection: Connection, main: os.stat_result) -> bool:
        """Whether the header shows that SQLite has changed the file, and not a copy that was written over it."""
        with self._lock:
            inode, found = _identify(main), _describe(main)
            if self._main is None or self._files is None or self._files.main != inode or self._overwritten == inode:
                return False
            if found != self._checked:
                self._check_header()
                self._checked = found
            if self._overwritten == inode or connection.version != self._version:
                return False
            connection.checked = found
            return True

    def _check_header(self) -> None:
        for _ in range(3):
            header, before = _read_header(self._main), self._header
            if header and (before is None or header >= before):
                self._header = header
                return
            time.sleep(0.001)  # SQLite may have been writing it
        if header and before and header.change_counter == before.change_counter and self._is_intact():
            # VACUUM frees pages without another count if it follows a change; or this is an older copy.
            self._header = header
            self._version += 1
        elif self._files:
            self._overwritten = self._files.main

    def _is_intact(self) -> bool:
        try:
            with closing(self._connect(self._timeouts.lock_seconds)) as connection:
                return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.Error:
            return False


def _inode(path: Path) -> Inode | None:
    try:
        return _identify(path.stat())
    except OSError:
        return None


def _read_header(descriptor: int | None) -> Header | None:
    content = os.pread(descriptor, 32, 0) if descriptor else b""
    if content[18:20] != WAL_FORMAT or len(content) < 32:
        return None
    return Header(int.from_bytes(content[24:28], "big"), int.from_bytes(content[28:32], "big"))


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
