"""`pressroom notify`."""

import hashlib
import json
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from api import sync_tokens
from api.atomic import sync
from api.cli import webhooks
from api.cli.terminal import FilePath, Seconds, Text
from api.http.application import current_application
from api.store import changes
from api.store.change_feed import ChangesPage
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import SyncTokenExpired, Unavailable
from api.sync_tokens import SyncToken

FEEDS: dict[str, Callable[..., ChangesPage[Any]]] = {"posts": changes.posts_page, "users": changes.users_page}
PAGE, MAX_PAGES = 500, 100
"""Changes of one message, at most; it names no change, so there is one for as many as possible."""
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 300.0
"""Between attempts to send a message; each is twice as long as the one before."""


@dataclass
class Subscription:
    """A receiver's place in a feed, and the message that it has not accepted yet."""

    url: str
    feed: str
    since: SyncToken | None = None
    """All before it has been reported; None before the first start."""
    next_since: SyncToken | None = None
    message: webhooks.Message | None = None
    retry_at: float = 0
    pause: float = field(default=FIRST_PAUSE_SECONDS)

    def look(self, db: Connection) -> bool:
        """Make a message if there are changes; return whether the place has moved without one."""
        if self.message:
            return False
        begins, since = self.since is None, self.since
        try:
            found, self.next_since = _read_on(db, self.feed, since)
        except SyncTokenExpired:
            # The receiver must begin again, and learns of everything that is there now.
            found, since = True, None
            _, self.next_since = _read_on(db, self.feed, None, max_pages=None)
        if found and not begins:
            self.message = _message(self.feed, since, self.next_since)
            return False
        moved, self.since = self.since != self.next_since, self.next_since
        return moved

    def deliver(self, secret: bytes) -> bool:
        """Send the message, unless it must wait; return whether the receiver has accepted it."""
        if not self.message or time.monotonic() < self.retry_at:
            return False
        if problem := webhooks.send(self.url, secret, self.message):
            click.echo(f"{self.url}: {problem}. Next attempt in {self.pause:.0f} s.", err=True)
            self.retry_at = time.monotonic() + self.pause
            self.pause = min(2 * self.pause, MAX_PAUSE_SECONDS)
            return False
        self.since, self.message, self.pause = self.next_since, None, FIRST_PAUSE_SECONDS
        return True


def _read_on(
    db: Connection, feed: str, since: SyncToken | None, max_pages: int | None = MAX_PAGES
) -> tuple[bool, SyncToken]:
    """Return whether there are changes after `since`, and the token after them; all, if it is None."""
    is_first = since is None
    found, pages = False, 0
    while True:
        page = FEEDS[feed](db, since=since, limit=PAGE)
        found, since, pages = found or bool(page.changes), page.next_since, pages + 1
        if not page.has_more or (not is_first and pages == max_pages):
            return found, since


def _message(feed: str, since: SyncToken | None, next_since: SyncToken | None) -> webhooks.Message:
    token = since and sync_tokens.encode(since)
    path = f"/changes/{feed}" + (f"?since={token}" if token else "")
    content = {
        "type": f"{feed}.changed",
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": {"since": token, "path": path},
    }
    digest = hashlib.sha256(f"{path} {next_since and sync_tokens.encode(next_since)}".encode()).hexdigest()
    return webhooks.Message(f"msg_{digest[:32]}", json.dumps(content).encode())


def _load(state: Path, urls: tuple[str, ...]) -> list[Subscription]:
    try:
        stored = json.loads(state.read_text()) if state.exists() else {}
        return [
            Subscription(url, feed, (token := stored.get(url, {}).get(feed)) and sync_tokens.decode(token))
            for url in urls
            for feed in FEEDS
        ]
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{state} is no state of `pressroom notify`. Remove it to start from now.") from error


def _save(state: Path, subscriptions: list[Subscription]) -> None:
    stored: dict[str, dict[str, str]] = {}
    for each in subscriptions:
        if each.since:
            stored.setdefault(each.url, {})[each.feed] = sync_tokens.encode(each.since)
    # Not `atomic_write`, which ends at a signal, or ignores it: one process writes this file, and finishes.
    temporary = state.with_name(f"{state.name}.new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(stored, indent=1))
    sync(temporary)
    temporary.replace(state)
    sync(state.parent)


def _look(database: Database, subscriptions: list[Subscription]) -> bool:
    with database.read() as db:
        database.single_node.require(db)
        moved = [each.look(db) for each in subscriptions]
    return any(moved)


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
    try:
        secret = webhooks.parse_secret(Path(secret_file).read_text())
        subscriptions = _load(Path(state), tuple(dict.fromkeys(map(webhooks.parse_url, urls))))
    except ValueError as error:
        raise click.ClickException(f"{error}") from error
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    database = current_application().database.require_current_schema()
    while not stopped.is_set():
        try:
            has_moved = _look(database, subscriptions)
        except Unavailable as error:
            click.echo(error.message_for_operators, err=True)
            has_moved = False
        delivered = [not stopped.is_set() and each.deliver(secret) for each in subscriptions]
        if has_moved or any(delivered):
            _save(Path(state), subscriptions)
        if not any(delivered):
            stopped.wait(interval)
