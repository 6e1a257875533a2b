"""Files and databases that commands write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from api.atomic import atomic_write
from api.cli.terminal import binary_output
from api.http.application import current_application
from api.store.engine.database import Database
from api.store.engine.sqlite_connection import sibling
from api.store.engine.sqlite_file import SQLiteFile


@contextmanager
def open_output(file: str, *, private: bool = True) -> Iterator[IO[bytes]]:
    """Open FILE of a command, which is replaced when the block ends; `-` is standard output.

    A device or pipe is written to instead of being replaced. Raises `UsageError` for the database.
    """
    if file == "-":
        yield (output := binary_output())
        output.flush()  # an error is reported here, and not when Python ends
        return
    require_other_file(file, current_application().database.file)
    if Path(file).exists() and not Path(file).is_file():
        with Path(file).open("wb") as stream:
            yield stream
        return
    with atomic_write(file, private=private) as temporary, temporary.open("wb") as stream:
        yield stream


def open_or_create_database() -> Database:
    """Return the database, which is migrated if it is SQLite; report its creation: the directory may be a wrong one."""
    database = current_application().database
    missing = database.file.path if database.file and not database.file.path.exists() else None
    database.migrate_if_embedded()
    if missing:
        click.echo(f"Created the database {click.format_filename(missing)}.", err=True)
    return database


def require_other_file(file: str, database: SQLiteFile | None) -> None:
    """Raise `UsageError` if FILE is the database itself, or one that SQLite writes beside it."""
    if not database:
        return
    name, path = click.format_filename(file), database.path.resolve()
    if path.exists() and Path(file).exists() and Path(file).samefile(path):
        raise click.UsageError(f"{name} is the database itself. Choose another file.")
    if Path(file).resolve() in {sibling(path, end) for end in ("-wal", "-shm", "-journal")}:
        raise click.UsageError(f"SQLite writes {name} beside the database. Choose another file.")
