"""Directories and log files."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from api.settings import Settings


def scratch_directory(run_dir: str) -> str:
    """Return the directory for files that last as long as the server; `OSError` if none is writable."""
    # Metrics and heartbeats must not wait for a disk.
    memory = "/dev/shm"  # noqa: S108 (gunicorn's own advice)
    return run_dir or (memory if _is_accessible(memory, os.W_OK | os.X_OK) else tempfile.gettempdir())


def check_run_dir(settings: Settings, directory: Path) -> Iterator[str]:
    """Yield why files that last as long as the server cannot be created."""
    if settings.run_dir:
        if problem := check_directory(directory / settings.run_dir):
            yield f"Invalid PRESSROOM_RUN_DIR {settings.run_dir!r}: {problem}."
        return
    try:
        scratch_directory("")
    except OSError:
        yield "There is no writable temporary directory. Set PRESSROOM_RUN_DIR to a writable directory."


def check_directory(path: Path) -> str:
    """Return why this user cannot create files in the directory; empty if it can."""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return f"{path} is not a directory"
    except OSError as error:
        if error.errno == errno.ENOENT:
            return f"the directory {path} does not exist. Create it"
        return f"{path}: {error.strerror}"
    if not _is_accessible(path, os.W_OK | os.X_OK):
        return f"the directory {path} is not writable by this user"
    return ""


def check_log(name: str, text: str, directory: Path) -> Iterator[str]:
    """Yield why the log file of the setting `name` cannot be written."""
    if text in {"", "-"}:
        return
    file = directory / text
    if file.is_dir() or text.endswith("/"):
        problem = f"{file} is a directory. Add the name of a file"
    elif file.exists():
        problem = "" if _is_accessible(file, os.W_OK) else f"{file} is not writable by this user"
    else:
        problem = check_directory(file.parent)
    if problem:
        yield f"Invalid {name} {text!r}: {problem}."


def _is_accessible(path: str | Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
