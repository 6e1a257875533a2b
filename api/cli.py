"""`pressroom`: what an operator does at a terminal."""

import sys
from collections import Counter
from pathlib import Path
from typing import IO, Any

import click
from flask import Flask
from flask.cli import AppGroup, ScriptInfo
from flask_smorest.spec import openapi_cli

from api import accounts, archive, backups, deploys
from api.app import create_app
from api.files import replacing
from api.http.transactions import database
from api.settings import BadSetting
from api.store import idempotency, tokens
from api.store.connections import Connection
from api.store.errors import StoreError, Unavailable
from api.store.upgrades import HEAD


class Group(AppGroup):
    """Commands in the application's context; what is refused is told in a line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # nobody reads any more, as behind `| head`: click ends without a word
        except OSError as error:
            told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error
            raise click.ClickException(f"{told}.") from error
        except Unavailable as error:
            raise click.ClickException(error.explained) from error
        except (BadSetting, StoreError) as error:
            raise click.ClickException(str(error)) from error


def _application() -> Flask:
    app = create_app(prepare=False)
    click.get_current_context().call_on_close(app.extensions["database"].close)
    return app


@click.group(cls=Group)
@click.pass_context
def cli(context: click.Context) -> None:
    """Pressroom: users and posts over JSON. Settings are PRESSROOM_ variables; see the README."""
    context.obj = ScriptInfo(create_app=_application, set_debug_flag=False)


cli.add_command(accounts.users)
cli.add_command(backups.backup)
cli.add_command(backups.restore)
cli.add_command(deploys.deploy)
cli.add_command(openapi_cli)


@cli.command()
def check() -> None:
    """Read the settings, and ask the database: before a server is started with them. Nothing is made or migrated."""
    database().ready()
    click.echo("The settings can be read, and the database is ready.")


@cli.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the tables to this version. An embedded database does so by itself."""
    database().prepare().upgrade()
    click.echo(f"The tables are those of migration {HEAD}.")


@db.command()
def sweep() -> None:
    """Delete what has expired: idempotency keys after a day, tokens at their end. Safe at any time, such as by cron."""
    with database().ready().write() as connection:
        keys, gone = idempotency.sweep(connection), tokens.sweep(connection)
    click.echo(f"{keys} idempotency keys and {gone} tokens have expired and are gone.")


@cli.command("import")
@click.argument(
    "files", type=click.Path(exists=True, dir_okay=False, allow_dash=True), nargs=-1, required=True, metavar="FILE…"
)
def import_(files: tuple[str, ...]) -> None:
    """Keep the users and posts of FILE…, lines of JSON as `export` writes them; `-` is standard input.

    What is there already stays as it is, so the same file can be imported again. A user is identified by username, a
    post by author, title and published_at, and it keeps its id if that is free. Bad lines are told by number, and all
    others kept.
    """
    kept, totals, problems = database().prepare(), Counter[str](), list[str]()
    try:
        for name in files:
            size = 0 if name == "-" else Path(name).stat().st_size
            with (
                click.open_file(name, "rb") as file,
                click.progressbar(length=size, label=name, file=sys.stderr) as bar,
            ):
                for outcome in archive.load(kept, file):
                    bar.update(outcome.size)
                    totals[outcome.result] += 1
                    if outcome.problem:
                        problems.append(f"{name}:{outcome.number}: {outcome.problem}")
    finally:
        for problem in problems:
            click.echo(problem, err=True)
        click.echo(f"{totals['kept']} kept, {totals['present']} present already, {totals['bad']} bad.")
    if totals["bad"]:
        raise SystemExit(1)


@cli.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True), default="-")
def export(file: str) -> None:
    """Write all users and posts to FILE or standard output, a line of JSON each.

    Accounts travel without their passwords. FILE is replaced when all is written.
    """
    with database().ready().snapshot() as db:
        # A device or pipe is written to, not replaced.
        if file == "-" or (Path(file).exists() and not Path(file).is_file()):
            with click.open_file(file, "wb") as stream:
                _write(stream, db)
            return
        with replacing(file) as unfinished, unfinished.open("wb") as stream:
            _write(stream, db)


def _write(stream: IO[bytes], db: Connection) -> None:
    stream.writelines(f"{line}\n".encode() for line in archive.export(db))
