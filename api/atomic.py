"""Atomic replacement of files, without leftovers of what was interrupted."""

import errno
import fcntl
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

PREFIX = ".pressroom-unfinished-"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def atomic_write(path: str, *, private: bool = True) -> Iterator[Path]:
    """Yield a temporary path whose file replaces the one at `path` when the block ends, and then survives a power loss.

    If the block fails, the old file stays. Symbolic links are followed. Only the owner can read a `private` file.
    `OSError` for a device or pipe, which the replacement would remove.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "Not a regular file; choose another path", path)
    with unfinished_directory(target.parent) as directory:
        temporary = directory / target.name
        temporary.touch(mode=0o600 if private else 0o666)
        yield temporary
        sync(temporary)
        temporary.replace(target)
        sync(target.parent)


@contextmanager
def unfinished_directory(parent: Path) -> Iterator[Path]:
    """Yield a new directory in `parent`, readable only by its owner, which is deleted when the block ends.

    A signal to stop ends the block, too. What a killed process has left in `parent` is deleted first.
    """
    delete_leftovers(parent)
    with _stopping_on_signals():
        directory, descriptor = _unused_path(parent), None
        # A signal may come before any line, so the directory has its name before it exists.
        try:
            try:
                while (descriptor := _create(directory)) is None:
                    directory = _unused_path(parent)
                yield directory
            finally:
                _ignore_signals()
        finally:
            # With what SQLite has created beside its file, such as a journal.
            shutil.rmtree(directory, ignore_errors=True)
            if descriptor is not None:
                os.close(descriptor)


def delete_leftovers(parent: Path) -> None:
    """Delete the directories of processes that were killed; those of running ones are locked."""
    for directory in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            descriptor = _lock(directory)
            try:
                shutil.rmtree(directory)
            finally:
                os.close(descriptor)


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unused_path(parent: Path) -> Path:
    return parent / f"{PREFIX}{secrets.token_hex(8)}"


def _create(directory: Path) -> int | None:
    """Create a directory and return the descriptor that locks it; None if another process has deleted it before."""
    try:
        directory.mkdir(mode=0o700)
    except OSError as error:
        # Not the name of the new directory, which the user has never seen.
        error.filename = str(directory.parent)
        raise
    with suppress(FileNotFoundError, BlockingIOError):
        descriptor = _lock(directory)
        # Another process may have deleted it as a leftover before it was locked.
        if directory.exists():
            return descriptor
        os.close(descriptor)
    return None


def _lock(directory: Path) -> int:
    """Lock a directory until the process ends or closes the descriptor; `BlockingIOError` if another one has it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Let the first signal to stop raise an exception, so that the block cleans up, and ignore later ones."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return
    previous = {number: signal.getsignal(number) for number in _SIGNALS}

    def stop(number: int, _frame: FrameType | None) -> None:
        _ignore_signals()
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    for number, handler in previous.items():
        if handler != signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """Ignore the signals to stop, for as long as it takes to clean up."""
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
