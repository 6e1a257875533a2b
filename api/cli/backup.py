"""`pressroom backup` and `pressroom restore`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import with_appcontext

from api.atomic import atomic_write
from api.http.application import current_application
from api.store.engine import backup as stored
from api.store.engine.database import Database


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@with_appcontext
def backup(file: str) -> None:
    """Copy the SQLite database to FILE, also while the server is writing.

    FILE is replaced when the copy is proven to be whole. It holds everything: keep it as secret as the database.
    """
    kept = _embedded()
    with _told(file):
        if Path(file).exists() and Path(file).samefile(stored.file(kept)):
            raise click.UsageError(f"{file} is the database itself.")
        with atomic_write(file) as unfinished:
            stored.save(kept, unfinished)
    click.echo(f"{file} is whole.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.confirmation_option(
    prompt="What has been written since the backup will be gone, and tokens revoked since will be valid. Restore it?"
)
@with_appcontext
def restore(file: str) -> None:
    """Let the SQLite database be what FILE holds, also while the server is serving.

    FILE is proven first, and one of an older version is migrated. What has been written since it was saved is gone.
    """
    with _told(file):
        stored.restore(_embedded(), Path(file))
    click.echo(f"{file} is restored.")


def _embedded() -> Database:
    if not current_application().database.is_sqlite:
        raise click.UsageError("This database is PostgreSQL's: use pg_dump and pg_restore.")
    return current_application().database


@contextmanager
def _told(file: str) -> Iterator[None]:
    try:
        yield
    except (OSError, stored.InvalidBackup) as error:
        raise click.ClickException(f"{file}: {error}") from error
