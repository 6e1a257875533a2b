"""Files that commands write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from api.atomic import atomic_write
from api.cli.terminal import binary_output


@contextmanager
def open_output(file: str, *, private: bool = True) -> Iterator[IO[bytes]]:
    """Open FILE of a command, which is replaced when the block ends; `-` is standard output.

    A device or pipe is written to instead of being replaced.
    """
    if file == "-":
        yield (output := binary_output())
        output.flush()  # an error is reported here, and not when Python ends
        return
    if Path(file).exists() and not Path(file).is_file():
        with Path(file).open("wb") as stream:
            yield stream
        return
    with atomic_write(file, private=private) as temporary, temporary.open("wb") as stream:
        yield stream
