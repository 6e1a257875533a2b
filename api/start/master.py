"""gunicorn's master process, and how another process recognises it."""

import errno
import fcntl
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

_YOUNG_SECONDS = 60


def lock(file: str) -> None:
    """Lock the file until this process ends, by which other processes find out that it is running."""
    # Never closed: closing any descriptor of the file would release the lock. Workers do not inherit it.
    descriptor = os.open(file, os.O_RDWR)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)


def read_pid_file(run_dir: Path) -> int | None:
    """Return the process id in gunicorn's pid file; None if there is none."""
    try:
        pid = int((run_dir / "gunicorn.pid").read_text())
    except (OSError, ValueError):
        return None
    return pid if pid > 0 else None


def is_running(run_dir: Path, pid: int) -> bool:
    """Return whether that process is a master that uses `run_dir`; False for another one that got its id later.

    The master has locked a file in a directory that is named by its id. Its own locks look unlocked to a process.
    """
    return any(_is_locked(file) for file in run_dir.glob(f"pressroom-{pid}-*/code"))


def remove_stale_pid_file(run_dir: Path) -> None:
    """Remove a pid file whose process is no master: gunicorn would not start while any process has that id."""
    pid = read_pid_file(run_dir)
    if pid != os.getpid() and not (pid and is_running(run_dir, pid)):
        (run_dir / "gunicorn.pid").unlink(missing_ok=True)


def remove_leftovers(parent: Path) -> None:
    """Remove the directories of masters that were killed; a master that is starting may not have locked a young one."""
    for file in parent.glob("pressroom-*-*/code"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > _YOUNG_SECONDS and not _is_locked(file):
                shutil.rmtree(file.parent)


def _is_locked(file: Path) -> bool:
    with suppress(FileNotFoundError), file.open("r+b") as opened:
        try:
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in {errno.EACCES, errno.EAGAIN}
    return False
