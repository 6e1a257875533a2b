"""Why an SQLite database cannot be used, and what to do, in sentences for operators."""

import os
import pwd
from pathlib import Path

from api.store.engine.sqlite_connection import sibling

_ALMOST_FULL_BYTES = 2**20


def diagnose(path: Path, *, may_be_missing: bool = False) -> str:
    """Return what is wrong with the files and their directory; empty if that is unknown."""
    directory = path.resolve().parent
    try:
        directory.stat()
    except PermissionError:
        return f"{_user_name()} may not enter the directories above {path}. Change their owner or their mode."
    except OSError:
        pass
    if not directory.is_dir():
        action = "create" if may_be_missing else "open"
        return f"Cannot {action} the database {path}: the directory {directory} does not exist. Create it."
    if problem := _check_access(directory, os.R_OK | os.W_OK | os.X_OK):
        return problem
    if not path.exists() and not may_be_missing:
        return f"The database {path} does not exist. Put it back, or restore a backup by `pressroom restore`."
    if path.is_dir():
        return f"The database {path} is a directory. Add the name of a file to PRESSROOM_DATABASE_URL."
    problems = (_check_access(each, os.R_OK | os.W_OK) for each in (path, sibling(path, "-wal"), sibling(path, "-shm")))
    return next(filter(None, problems), "")


def explain_failure(path: Path) -> str:
    """Return the same for a statement that failed, which may have needed space."""
    if reason := diagnose(path):
        return reason
    volume = os.statvfs(path.resolve().parent)
    is_full = volume.f_bavail * volume.f_frsize < _ALMOST_FULL_BYTES
    return f"The file system of {path} is full. Make space on it." if is_full else ""


def explain_lock(path: Path) -> str:
    """Return the same for a database whose lock is not granted."""
    return (
        f"Another process has {path} locked, or {sibling(path, '-wal')} or -shm was removed while the "
        f"database was in use: then all processes must close it first. Stop those that `fuser {path}` lists."
    )


def _check_access(path: Path, mode: int) -> str:
    # Other processes create the log, and delete it when their last connection closes, perhaps between these calls.
    try:
        before = path.stat()
        if os.access(path, mode, effective_ids=os.access in os.supports_effective_ids):
            return ""
        flags, after = os.statvfs(path).f_flag, path.stat()
    except FileNotFoundError:
        return ""
    if (before.st_ino, before.st_ctime_ns) != (after.st_ino, after.st_ctime_ns):
        return ""
    if flags & os.ST_RDONLY:
        return f"{path} is not writable: it is on a read-only file system. Mount it writable."
    return f"{path} is not writable by {_user_name()}. Change its owner or its mode."


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
