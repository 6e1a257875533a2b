"""`pressroom check`."""

import io
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click

from api.cli.terminal import escape_controls
from api.http.application import Application
from api.settings import InvalidSetting, Settings, read_worker_count
from api.start.address import is_in_use
from api.start.requirements import find_problems
from api.store.engine import start
from api.store.errors import Unavailable


@click.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Check everything that a server needs to start.

    That is the settings, files and directories, the address, the limit of open files, and the database; of the options
    in GUNICORN_CMD_ARGS, not the files and the address. Run it as the server's user in the server's directory. It
    creates and migrates nothing. All problems are reported; those of files, the address and the database once the
    settings are valid.
    """
    settings, problems = find_start_problems()
    if settings is None:
        report(problems)
    try:
        app: Application = context.obj.load_app()
        database = start.describe(app.database)
    except Unavailable as error:
        problems.append(error.message_for_operators)
    except InvalidSetting as error:
        problems.extend(error.messages)
    report(problems)
    click.echo(f"The settings are valid, and the database {database}.")
    for warning in start.find_warnings(app.database):
        click.echo(f"Warning: {warning}", err=True)
    if is_in_use(app.settings.bind):
        click.echo(
            f"{app.settings.bind} is in use now. Before you start a server there, stop the process that uses it."
        )


def find_start_problems() -> tuple[Settings | None, list[str]]:
    """Return the settings, or None if one is invalid, and what prevents a start apart from the database."""
    problems = [*_worker_problems()]
    try:
        settings = Settings.from_environment()
    except InvalidSetting as error:
        return None, [*error.messages, *problems]
    return settings, [*problems, *find_problems(settings, directory=Path.cwd())]


def report(problems: list[str]) -> None:
    """Print the problems and exit, if there are any."""
    for problem in problems:
        click.echo(f"Error: {escape_controls(problem)}", err=True)
    if problems:
        raise SystemExit(1)


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
    from gunicorn.errors import ConfigError  # noqa: PLC0415

    config, output = Config(), io.StringIO()
    try:
        with redirect_stderr(output), redirect_stdout(io.StringIO()):
            options = vars(config.parser().parse_args(config.get_cmd_args_from_env()))
        for name, value in options.items():
            if name in config.settings and value is not None:
                config.set(name, value)
        _ = config.address  # parsed here
        if "." not in (options["worker_class"] or ""):  # otherwise gunicorn imports it from the server's directory
            _ = config.worker_class
    except SystemExit:
        # argparse prints its usage and then the error, or what `--help` or `--version` asks for.
        reason = output.getvalue().strip().rpartition("error: ")[2] or "--help and --version start no server"
        yield f"Invalid GUNICORN_CMD_ARGS: {reason}."
    except (ValueError, TypeError, RuntimeError, ConfigError) as error:
        yield f"Invalid GUNICORN_CMD_ARGS: {str(error).strip().splitlines()[0].rstrip(':. ')}."
