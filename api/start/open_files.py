"""The limit of open files."""

import resource
from collections.abc import Iterator
from contextlib import suppress

from api.settings import Settings

THREAD_FILES, OTHER_FILES = 5, 64
"""Open files of a thread (connections to a database and its replica, or SQLite's three files, and Redis), and of a
worker: logs, metrics, pipes."""


def files_needed(settings: Settings) -> int:
    """Return the number of files that a worker may have open at once."""
    connections = 1 if settings.worker_class == "sync" else settings.worker_connections
    return connections + THREAD_FILES * settings.threads + OTHER_FILES


def raise_limit(settings: Settings) -> str:
    """Raise the limit of open files to what a worker needs; return the problem, or nothing if there is none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_needed(settings)
    if not _is_below(soft, needed):
        return ""
    if not _is_below(hard, needed):
        # A sandbox may forbid it.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
            return ""
    return _too_few_files(needed, soft)


def check_limit(settings: Settings) -> Iterator[str]:
    """Yield why the limit of open files cannot be raised to what a worker needs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_below(hard, needed := files_needed(settings)):
        yield _too_few_files(needed, hard)


def _too_few_files(needed: int, limit: int) -> str:
    return (
        f"A worker needs {needed} open files, and the limit is {limit}. Raise it (LimitNOFILE= of systemd, "
        "`ulimit -Hn`), or lower PRESSROOM_WORKER_CONNECTIONS or PRESSROOM_THREADS."
    )


def _is_below(limit: int, needed: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < needed
