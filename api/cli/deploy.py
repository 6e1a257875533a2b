"""`pressroom deploy`: new code, without a request that is dropped."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import click
from flask.cli import AppGroup
from gunicorn.errors import AppImportError

from api.http.application import current_application
from api.wsgi import application

CODE = Path(__file__).resolve().parents[2]
"""The directory of this version."""
BOOT = 60
"""Seconds that a worker may take to load the application."""

deploy = AppGroup("deploy", help="New code, while the old one serves.")


@deploy.command()
def roll() -> None:
    """Replace gunicorn's workers one by one by such that load the code which is at its place now.

    A worker takes up work before another one stops, which finishes what it has begun. The server and this command need
    the same PRESSROOM_RUN_DIR, and to be of the same directory. What a worker loads is loaded here first: a worker
    that cannot would end gunicorn.
    """
    settings = current_application().settings
    if not settings.run_dir:
        raise click.ClickException("PRESSROOM_RUN_DIR is not set. Set it for the server and for this command.")
    run = Path(settings.run_dir)
    try:
        master = int((run / "gunicorn.pid").read_text())
    except (OSError, ValueError):
        raise click.ClickException("No server has that PRESSROOM_RUN_DIR. Set it for both, and start one.") from None
    old = _ready(run, master)
    if not old:
        raise click.ClickException("No worker is ready: the server has just begun, or has ended. See its log.")
    for code in run.glob(f"pressroom-{master}-*/code"):
        if code.read_text() != str(CODE):
            raise click.ClickException(f"The server runs the code in {code.read_text()}, not {CODE}. Restart it.")
    try:
        application().database.close()
    except AppImportError as error:
        raise click.ClickException(f"The code cannot be loaded, and nothing has been done: {error}") from error
    while left := old & _ready(run, master):
        # gunicorn kills a worker that takes longer than it may.
        _replace_one(run, master, left, settings.graceful_timeout + settings.timeout)
    click.echo(f"{len(old)} workers have been replaced.")


def _replace_one(run: Path, master: int, left: set[str], patience: float) -> None:
    known = _ready(run, master)
    _signal(master, signal.SIGTTIN)
    _wait(master, lambda: bool(_ready(run, master) - known), BOOT)
    _signal(master, signal.SIGTTOU)
    _wait(master, lambda: bool(left - _ready(run, master)), patience)


def _ready(run: Path, master: int) -> set[str]:
    """The workers that have loaded the application, by the files that `gunicorn.conf.py` keeps of them.

    Not by /proc, in which a sandbox may hide them.
    """
    return {path.name for path in run.glob(f"pressroom-{master}-*/ready_*")}


def _signal(master: int, number: int) -> None:
    try:
        os.kill(master, number)
    except OSError as error:
        raise click.ClickException(f"gunicorn cannot be told: {error.strerror}.") from error


def _wait(master: int, is_done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        _signal(master, 0)  # is it there?
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"Not done after {seconds:.0f} seconds. One worker more than before may run; see gunicorn's log."
            )
        time.sleep(0.05)
