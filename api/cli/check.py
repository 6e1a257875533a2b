"""`pressroom check`."""

import io
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

import click
from flask.cli import with_appcontext

from api.http.application import current_application
from api.settings import InvalidSetting, read_worker_count
from api.start.address import is_in_use
from api.start.requirements import find_problems
from api.store.engine import start
from api.store.errors import Unavailable


@click.command()
@with_appcontext
def check() -> None:
    """Check everything that a server needs to start.

    That is the settings, files and directories, the address, the limit of open files, and the database. Run it as the
    server's user in the server's directory. It creates and migrates nothing.
    """
    app, database = current_application(), ""
    problems = [*_worker_problems(), *find_problems(app.settings, directory=Path.cwd())]
    try:
        database = start.describe(app.database)
    except Unavailable as error:
        problems.append(error.message_for_operators)
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        raise SystemExit(1)
    click.echo(f"The settings are valid, and the database {database}.")
    for warning in start.find_warnings(app.database):
        click.echo(f"Warning: {warning}", err=True)
    if is_in_use(app.settings.bind):
        click.echo(
            f"{app.settings.bind} is in use now. Before you start a server there, stop the process that uses it."
        )


def _worker_problems() -> Iterator[str]:
    try:
        read_worker_count()
    except InvalidSetting as error:
        yield str(error)
    else:
        yield from _gunicorn_arguments()


def _gunicorn_arguments() -> Iterator[str]:
    """Yield what is wrong with GUNICORN_CMD_ARGS, whose options take precedence over settings."""
    # Imported here, because gunicorn reads WEB_CONCURRENCY when it is imported.
    from gunicorn.config import Config  # noqa: PLC0415

    config, output = Config(), io.StringIO()
    try:
        with redirect_stderr(output):
            options = vars(config.parser().parse_args(config.get_cmd_args_from_env()))
        for name, value in options.items():
            if name in config.settings and value is not None:
                config.set(name, value)
        _ = config.address  # parsed here
    except SystemExit:
        # argparse prints its usage and then the error.
        yield f"Invalid GUNICORN_CMD_ARGS: {output.getvalue().strip().rpartition('error: ')[2]}."
    except (ValueError, TypeError, RuntimeError) as error:
        yield f"Invalid GUNICORN_CMD_ARGS: {str(error).rstrip('.')}."
