"""`pressroom demo`."""

import ipaddress
import os
from dataclasses import replace
from pathlib import Path

import click

from api import archive
from api import demo as site
from api.app import create_app
from api.atomic import unfinished_directory
from api.cli.check import find_start_problems, report
from api.cli.serve import start_gunicorn
from api.cli.terminal import FilePath
from api.json import dumps
from api.passwords import hash_password
from api.settings import Settings
from api.start.address import is_in_use
from api.store import posts_removal, users_removal
from api.store.engine.database import Database


@click.command()
@click.argument("file", type=FilePath(), default="demo.sqlite")
@click.option("--no-serve", is_flag=True, help="Only make the database.")
def demo(file: str, *, no_serve: bool) -> None:
    """Make the demo site in FILE, a new SQLite database, and serve it.

    The site has the same users, posts and tokens each time, in every state: drafts, scheduled, hidden and removed
    posts, open and closed comments, hostile text. Everybody knows its passwords, so it is served only to this machine.
    It serves until you press Ctrl-C.
    """
    path = Path(file).absolute()
    if "?" in str(path):
        raise click.UsageError(
            f"{click.format_filename(path)} has a `?`, which no URL of a database can. Name another file."
        )
    os.environ.update({"PRESSROOM_DATABASE_URL": f"sqlite:///{path}"})
    # gunicorn's options would take precedence over PRESSROOM_BIND.
    for name in ("PRESSROOM_REPLICA_URL", "GUNICORN_CMD_ARGS"):
        os.environ.pop(name, None)
    settings, problems = find_start_problems()
    if settings and not (no_serve or _is_local(settings.bind)):
        problems.append(
            f"PRESSROOM_BIND {settings.bind} may be reached from other machines, and everybody knows the passwords of "
            "the demo. Unset it."
        )
    elif settings and not no_serve and is_in_use(settings.bind):
        problems.append(
            f"{settings.bind} is in use. Stop the process that uses it, or set PRESSROOM_BIND to another address, such "
            "as 127.0.0.1:9000."
        )
    report(problems)
    _create(Settings.from_environment(), file)
    click.echo(f"The demo site is in {click.format_filename(file)}. All passwords are {site.PASSWORD!r}; tokens are")
    for username in ("ada", "grace", "root"):
        click.echo(f"    {site.token_of(username)}")
    if not no_serve:
        start_gunicorn()


def _create(settings: Settings, file: str) -> None:
    """Create the file when the site is complete; exit if anything is there."""
    path = Path(file).absolute()
    file_exists = click.UsageError(
        f"{click.format_filename(file)} exists. Name another file, or serve it: "
        f"PRESSROOM_DATABASE_URL=sqlite:///{click.format_filename(file)} pressroom serve"
    )
    if os.path.lexists(path):
        raise file_exists
    if database_file := Database(settings).file:
        database_file.require_no_lost_database()
    with unfinished_directory(path.parent) as directory:
        temporary = directory / path.name
        temporary.touch(mode=0o600)
        database = create_app(replace(settings, database_url=f"sqlite:///{temporary}")).database
        try:
            _fill(database)
        finally:
            database.close()
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise file_exists from None


def _fill(database: Database) -> None:
    database.migrate_if_embedded()
    lines = (dumps(record) for record in site.records(hash_password(site.PASSWORD)))
    for outcome in archive.import_(database, lines):
        if outcome.error:
            raise click.ClickException(f"Line {outcome.number}: {outcome.error}")
    posts_removal.remove_in_batches(database.transact, site.REMOVED_POST_ID)
    users_removal.remove_in_batches(database.transact, site.REMOVED_USERNAME, with_posts=True)


def _is_local(bind: str) -> bool:
    """Return whether only this machine can reach an address."""
    host = bind.rpartition(":")[0].strip("[]")
    try:
        return bind.startswith("unix:") or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
