"""Files that are whole, whatever happens while they are written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str) -> Iterator[Path]:
    """Where to write what becomes the file at `path` when the block ends, and from then on survives loss of power.

    A link is followed. Only its owner can read the file. If the block fails, what was there stays; `OSError` for a
    device or pipe, which would be lost.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path} is not a file, and is not replaced by one.")
    # A name of its own: two who write the same file do not write into each other's.
    number, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".unfinished", dir=target.parent)
    os.close(number)
    unfinished = Path(name)
    try:
        yield unfinished
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
