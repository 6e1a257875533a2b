"""`pressroom notify`."""

import signal
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import click
from flask.cli import with_appcontext

from api.cli import notify_state, webhooks
from api.cli.subscriptions import PAGES, Result, Results, Subscription
from api.cli.terminal import FilePath, Seconds, Text
from api.http.application import current_application
from api.store.engine.database import Database
from api.store.errors import Unavailable

STOP_SECONDS = 1.0
"""For messages that are being sent at SIGTERM; a later response is lost, and the message is sent again."""


def _look(database: Database, subscriptions: list[Subscription]) -> bool:
    try:
        with database.read() as db:
            database.single_node.require(db)
            moved = [each.look(db) for each in subscriptions]
    except Unavailable as error:
        click.echo(error.message_for_operators, err=True)
        return False
    return any(moved)


def _finish(results: Results, seconds: float) -> tuple[bool, bool]:
    """Wait for a result, and note all; return whether a receiver has accepted a message, and whether to stop."""
    accepted = stop = False
    with suppress(Empty):
        result = results.get(timeout=max(0, seconds))
        while True:
            if result:
                subscription, problem = result
                accepted |= subscription.finish(problem)
            else:
                stop = True
            result = results.get_nowait()
    return accepted, stop


@click.command()
@click.argument("urls", nargs=-1, required=True, type=Text(), metavar="URL…")
@click.option("--secret-file", type=FilePath(exists=True), required=True, help="A file with the secret, `whsec_…`.")
@click.option("--state", type=FilePath(), required=True, help="The file that says what has been reported.")
@click.option("--interval", type=Seconds(0.1, 3600), default=1.0, show_default=True, help="Seconds.")
@with_appcontext
def notify(urls: tuple[str, ...], secret_file: str, state: str, interval: float) -> None:
    """Report changes of posts and users to each URL, until SIGTERM.

    Messages are those of Standard Webhooks: they say that a change feed has changes, and since which token, not which.
    A message is sent again until its receiver responds with a status of 2xx.
    """
    path, results = Path(state), SimpleQueue[Result]()
    try:
        secret = webhooks.parse_secret(Path(secret_file).read_bytes().decode(errors="replace"))
    except ValueError as error:
        raise click.ClickException(f"Invalid secret in {secret_file}: {error}") from error
    try:
        names = dict.fromkeys(map(webhooks.parse_url, urls))
        stored = notify_state.load(path)
    except ValueError as error:
        raise click.ClickException(f"{error}") from error
    subscriptions = [Subscription(url, feed, stored.get(url, {}).get(feed)) for url in names for feed in PAGES]
    for number in (signal.SIGTERM, signal.SIGINT):
        # The handler may interrupt `get`; it could wait for ever for the lock of a `threading.Event`.
        signal.signal(number, lambda *_: results.put(None))
    database = current_application().database.require_current_schema()
    stop = False
    while not stop:
        moved = _look(database, subscriptions)
        for each in subscriptions:
            each.send(secret, results)
        waiting = [each.retry_at - time.monotonic() for each in subscriptions if each.message and not each.is_sending]
        accepted, stop = _finish(results, 0 if moved else min([interval, *waiting]))
        if moved or accepted:
            notify_state.save(path, stored, subscriptions)
    deadline = time.monotonic() + STOP_SECONDS
    while any(each.is_sending for each in subscriptions) and time.monotonic() < deadline:
        accepted, _ = _finish(results, deadline - time.monotonic())
        if accepted:
            notify_state.save(path, stored, subscriptions)
