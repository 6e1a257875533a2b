"""`pressroom serve`."""

import os
from typing import NoReturn

import click

from api.cli.check import find_start_problems, report
from api.start.configuration import gunicorn_command


@click.command()
def serve() -> None:
    """Start the server: gunicorn, in the current directory.

    It serves until it gets SIGTERM, or until you press Ctrl-C. An SQLite database is created and migrated. Relative
    paths in settings start at the current directory. gunicorn reads options from GUNICORN_CMD_ARGS.
    """
    _, problems = find_start_problems()
    report(problems)
    start_gunicorn()


def start_gunicorn() -> NoReturn:
    """Replace this process by the server, so that signals reach it."""
    command = gunicorn_command()
    os.execv(command[0], command)  # noqa: S606 (a path of our own)
