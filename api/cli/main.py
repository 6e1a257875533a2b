"""`pressroom`: what an operator does at a terminal."""

from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup, ScriptInfo

from api.app import create_app
from api.cli import archive, backup, db, deploy, openapi, users
from api.http.application import current_application
from api.settings import InvalidSetting
from api.store.errors import StoreError, Unavailable


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
        except (InvalidSetting, StoreError) as error:
            raise click.ClickException(str(error)) from error


def _application() -> Flask:
    app = create_app()
    click.get_current_context().call_on_close(app.database.close)
    return app


@click.group(cls=Group)
@click.pass_context
def cli(context: click.Context) -> None:
    """Pressroom: users and posts over JSON. Settings are PRESSROOM_ variables; see the README."""
    context.obj = ScriptInfo(create_app=_application, set_debug_flag=False)


for command in (
    users.users,
    archive.import_,
    archive.export,
    backup.backup,
    backup.restore,
    db.db,
    deploy.deploy,
    openapi.openapi,
):
    cli.add_command(command)


@cli.command()
def check() -> None:
    """Read the settings, and ask the database: before a server is started with them. Nothing is made or migrated."""
    current_application().database.require_current_schema()
    click.echo("The settings can be read, and the database is ready.")
