"""`pressroom deploy`."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import click
from flask.cli import AppGroup
from gunicorn.errors import AppImportError

from api.http.application import current_application
from api.start import master
from api.wsgi import application

CODE = Path(__file__).resolve().parents[2]
"""The directory of the running code."""
START_TIMEOUT_SECONDS = 60
"""How long a worker may take to load the application."""
POLL_INTERVAL_SECONDS = 0.05

deploy = AppGroup("deploy", help="Deploy new code while the server is running.")


@deploy.command()
def roll() -> None:
    """Restart workers one at a time so that each loads the current code.

    Each new worker accepts requests before an old one stops, and an old one finishes its requests first. The server and
    this command need the same PRESSROOM_RUN_DIR and code directory. The code is first loaded here, because a worker
    that cannot load it would stop gunicorn.
    """
    settings = current_application().settings
    if not settings.run_dir:
        raise click.ClickException("PRESSROOM_RUN_DIR is not set. Set it for the server and for this command.")
    run_dir = Path(settings.run_dir)
    pid = master.read_pid_file(run_dir)
    if pid is None:
        message = "No server uses this PRESSROOM_RUN_DIR. Set it for the server too, and start the server."
        raise click.ClickException(message)
    _check_running(run_dir, pid)
    old_workers = _ready_workers(run_dir, pid)
    if not old_workers:
        raise click.ClickException("No worker is ready: the server is starting or has stopped. See its log.")
    for code in run_dir.glob(f"pressroom-{pid}-*/code"):
        if code.read_text() != str(CODE):
            raise click.ClickException(f"The server runs the code in {code.read_text()}, not {CODE}. Restart it.")
    try:
        application().database.close()
    except AppImportError as error:
        raise click.ClickException(f"The code cannot be loaded, so no worker was restarted: {error}") from error
    # gunicorn kills a worker that takes longer to stop.
    stop_timeout_seconds = settings.graceful_timeout + settings.timeout
    while remaining := old_workers & _ready_workers(run_dir, pid):
        _replace_one(run_dir, pid, remaining, stop_timeout_seconds)
    click.echo(f"{len(old_workers)} workers have been replaced.")


def _replace_one(run_dir: Path, pid: int, old_workers: set[str], stop_timeout_seconds: float) -> None:
    before = _ready_workers(run_dir, pid)
    _signal(run_dir, pid, signal.SIGTTIN)
    _wait(run_dir, pid, lambda: bool(_ready_workers(run_dir, pid) - before), START_TIMEOUT_SECONDS)
    _signal(run_dir, pid, signal.SIGTTOU)
    _wait(run_dir, pid, lambda: bool(old_workers - _ready_workers(run_dir, pid)), stop_timeout_seconds)


def _ready_workers(run_dir: Path, pid: int) -> set[str]:
    """Return the workers that have loaded the application, by the marker files that `gunicorn.conf.py` creates.

    A sandbox may hide the workers in /proc.
    """
    return {path.name for path in run_dir.glob(f"pressroom-{pid}-*/ready_*")}


def _signal(run_dir: Path, pid: int, number: int) -> None:
    _check_running(run_dir, pid)
    try:
        os.kill(pid, number)
    except OSError as error:
        raise click.ClickException(f"Cannot signal gunicorn: {error.strerror}.") from error


def _check_running(run_dir: Path, pid: int) -> None:
    # Before each signal, because another process may have got the id.
    if not master.is_running(run_dir, pid):
        raise click.ClickException(
            f"The server is starting or has stopped: process {pid} in {run_dir}/gunicorn.pid is not its master. "
            "See its log, and start it."
        )


def _wait(run_dir: Path, pid: int, is_done: Callable[[], bool], timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not is_done():
        _check_running(run_dir, pid)
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"Timed out after {timeout_seconds:.0f} seconds. One extra worker may be running; see gunicorn's log."
            )
        time.sleep(POLL_INTERVAL_SECONDS)
