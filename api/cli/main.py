"""The `pressroom` command."""

from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup, ScriptInfo

from api.app import create_app
from api.cli import archive, backup, check, db, demo, deploy, notify, openapi, posts, serve, settings, terminal, users
from api.settings import InvalidSetting
from api.store.errors import StoreError, Unavailable


class Group(AppGroup):
    """Commands that run in an application context and report expected errors in one line, without a traceback."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments."""
        terminal.escape_what_the_terminal_lacks()
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader has gone, as with `| head`: click exits silently
        except UnicodeError as error:
            raise click.ClickException("The input is not UTF-8. Write it in UTF-8, and set LC_ALL=C.UTF-8.") from error
        except OSError as error:
            terminal.discard_unwritable_output()
            message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error
            raise click.ClickException(f"{message}.") from error
        except Unavailable as error:
            raise click.ClickException(error.message_for_operators) from error
        except StoreError as error:
            raise click.ClickException(terminal.escape_controls(str(error))) from error
        except InvalidSetting as error:
            lines = [terminal.escape_controls(message) for message in error.messages]
            raise click.ClickException("\nError: ".join(lines)) from error


def _create_app() -> Flask:
    app = create_app()
    click.get_current_context().call_on_close(app.database.close)
    return app


@click.group(cls=Group)
@click.version_option(package_name="pressroom", prog_name="pressroom", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Operate a Pressroom site.

    Settings are environment variables that start with PRESSROOM_; `pressroom settings` prints them.
    """
    context.obj = ScriptInfo(create_app=_create_app, set_debug_flag=False)


for command in (
    users.users,
    posts.posts,
    archive.import_,
    archive.export,
    backup.backup,
    backup.restore,
    db.db,
    serve.serve,
    demo.demo,
    settings.settings,
    check.check,
    deploy.deploy,
    notify.notify,
    openapi.openapi,
):
    cli.add_command(command)
