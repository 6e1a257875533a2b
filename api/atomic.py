"""Atomic replacement of files."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str) -> Iterator[Path]:
    """Yield a temporary path whose file replaces the one at `path` when the block ends, and then survives a power loss.

    If the block fails, the old file stays. Symbolic links are followed. Only the owner can read the new file.
    `OSError` for a device or pipe, which the replacement would remove.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "Not a regular file; choose another path", path)
    # A unique name: concurrent writers of one file do not share a temporary file.
    descriptor, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".unfinished", dir=target.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(target)
        sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
