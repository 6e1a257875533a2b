"""Whether the SQLite database at a path is the one that this process has open, or another file or an older copy."""

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from api.store.engine.sqlite_connection import Connection, Files, Inode, connect, describe, identify, sibling
from api.store.errors import DatabaseNeedsRepair, Unavailable

WAL_FORMAT = b"\2\2"
"""Bytes 18 and 19 of a database with a write-ahead log (https://www.sqlite.org/fileformat.html)."""


class Header(NamedTuple):
    """What only increases in a database that nothing but SQLite writes."""

    change_counter: int
    pages: int


class Identity:
    """The files that were opened last, and the header of the database."""

    def __init__(self, path: Path, lock_seconds: float) -> None:
        self._path = path
        self._lock_seconds = lock_seconds
        self._lock = threading.Lock()
        self._files: Files | None = None
        # Open descriptors: so that no other file gets the inode of one that is compared.
        self._main: int | None = None
        self._log: int | None = None
        self._header: Header | None = None
        self._checked: tuple[int, int] | None = None
        self._version = 0
        self._overwritten: Inode | None = None

    @property
    def is_known(self) -> bool:
        """Whether the files have been opened."""
        return self._files is not None

    def has_foreign_log(self, now: Files) -> bool:
        """Return whether the log belongs to another database; `DatabaseNeedsRepair` if this one was overwritten."""
        with self._lock:
            before = self._files
            if self._overwritten == now.main:
                raise DatabaseNeedsRepair(
                    "The database cannot be read until its operator has repaired it.",
                    reason=f"{self._path} was overwritten while it was in use. Stop the server, remove "
                    f"{sibling(self._path, '-wal')} and {sibling(self._path, '-shm')}, put an intact file in its "
                    "place, and start.",
                )
            return before is not None and now.main != before.main and now.log is not None and now.log == before.log

    def remember(self, connection: Connection) -> bool:
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
                    _close(self._main)
                    self._main = self._header = self._checked = None
                    self._main = os.open(self._path, os.O_RDONLY)
                log = os.open(connection.paths[1], os.O_RDONLY)
            except FileNotFoundError:
                return False
            except OSError as error:  # such as too many open files
                raise Unavailable("The database is unavailable. Try again later.") from error
            _close(self._log)
            self._log, self._files = log, connection.files
            return True

    def check(self, connection: Connection, main: os.stat_result) -> bool:
        """Return whether the header shows that SQLite has changed the file, and not a copy that was written over it."""
        with self._lock:
            inode, found = identify(main), describe(main)
            if self._main is None or self._files is None or self._files.main != inode or self._overwritten == inode:
                return False
            if found != self._checked:
                self._check_header()
                self._checked = found
            if self._overwritten == inode or connection.version != self._version:
                return False
            connection.checked = found
            return True

    def close(self) -> None:
        """Close the descriptors. SQLite's locks on the database end: close the connections before."""
        with self._lock:
            _close(self._main)
            _close(self._log)
            self._files = self._main = self._log = self._header = self._checked = None

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
            with closing(connect(self._path, self._lock_seconds)) as connection:
                return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.Error:
            return False


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _read_header(descriptor: int | None) -> Header | None:
    content = os.pread(descriptor, 32, 0) if descriptor else b""
    if content[18:20] != WAL_FORMAT or len(content) < 32:
        return None
    return Header(int.from_bytes(content[24:28], "big"), int.from_bytes(content[28:32], "big"))
