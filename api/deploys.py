"""`pressroom deploy`: new code, without a request that is dropped."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

BOOT = 60
"""Seconds that a worker may take to load the application."""

deploy = AppGroup("deploy", help="New code, while the old one serves.")


@deploy.command()
def roll() -> None:
    """Replace gunicorn's workers one by one by such that run the code as it is now.

    A worker takes up work before another one stops, which finishes what it has begun. The server and this command need
    the same PRESSROOM_RUN_DIR, and Linux. That the code can be loaded is seen here first: a worker that cannot load it
    would end gunicorn.
    """
    settings = current_app.config["SETTINGS"]
    run = Path(settings.run_dir)
    try:
        master = int((run / "gunicorn.pid").read_text())
    except OSError:
        raise click.ClickException("No server has that PRESSROOM_RUN_DIR. Set it for both, and start one.") from None
    old = _workers(master)
    while left := old & (known := _workers(master)):
        os.kill(master, signal.SIGTTIN)
        _wait(partial(_has_more, run, master, known), BOOT)
        os.kill(master, signal.SIGTTOU)
        # gunicorn kills a worker that takes longer than it may.
        _wait(partial(_has_fewer, master, left), settings.graceful_timeout + settings.timeout)
    click.echo(f"{len(old)} workers run the new code.")


def _workers(master: int) -> set[int]:
    """The process ids of the workers (proc(5))."""
    try:
        return {int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()}
    except OSError:
        raise click.ClickException("The server has ended. See its log.") from None


def _has_more(run: Path, master: int, known: set[int]) -> bool:
    return any([*run.glob(f"pressroom-{master}-*/ready_{new}")] for new in _workers(master) - known)


def _has_fewer(master: int, left: set[int]) -> bool:
    return not left <= _workers(master)


def _wait(is_done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"Not done after {seconds:.0f} seconds. See gunicorn's log; no request was lost."
            )
        time.sleep(0.05)
