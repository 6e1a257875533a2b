"""`pressroom backup` and `pressroom restore`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import with_appcontext

from api.atomic import atomic_write
from api.cli.output import require_other_file
from api.cli.terminal import FilePath
from api.http.application import current_application
from api.store.engine import backup as engine
from api.store.engine.sqlite_file import SQLiteFile
from api.store.engine.timeouts import Timeouts


@click.command()
@click.argument("file", type=FilePath())
@with_appcontext
def backup(file: str) -> None:
    """Copy the SQLite database to FILE.

    The server may be running. FILE is replaced once the copy has been verified. It contains everything: keep it as
    secret as the database.
    """
    database, timeouts = _sqlite_file()
    with _one_line_errors(file):
        require_other_file(file, database)
        with atomic_write(file) as temporary:
            engine.save(database, temporary, timeouts)
    click.echo(f"Backup written to {click.format_filename(file)} and verified.")


@click.command()
@click.argument("file", type=FilePath(exists=True))
@click.confirmation_option(
    prompt="Everything written since the backup will be lost, and tokens revoked since will be valid again. Restore it?"
)
@with_appcontext
def restore(file: str) -> None:
    """Restore the SQLite database from FILE.

    The server may be running. FILE is verified first, and migrated if it is from an older version. Everything written
    since the backup is lost.
    """
    with _one_line_errors(file):
        database, timeouts = _sqlite_file()
        engine.restore(database, Path(file), timeouts)
    click.echo(f"Database restored from {click.format_filename(file)}.")


def _sqlite_file() -> tuple[SQLiteFile, Timeouts]:
    database = current_application().database
    if database.file is None:
        raise click.UsageError("This command is for SQLite only. For PostgreSQL, use pg_dump and pg_restore.")
    return database.file, database.timeouts


@contextmanager
def _one_line_errors(file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{click.format_filename(file)}: {error.strerror or error}.") from error
    except engine.InvalidBackup as error:
        raise click.ClickException(f"{click.format_filename(file)}: {error}") from error
