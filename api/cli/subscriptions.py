"""The places of receivers in change feeds, and the messages that they have not accepted yet."""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, TypeAlias

import click

from api import sync_tokens
from api.cli import webhooks
from api.cli.terminal import escape_controls
from api.store import changes
from api.store.change_feed import ChangesPage
from api.store.change_positions import Feed
from api.store.engine.connections import Connection
from api.store.errors import SyncTokenExpired
from api.sync_tokens import SyncToken

PAGES: dict[Feed, Callable[..., ChangesPage[Any]]] = {"posts": changes.posts_page, "users": changes.users_page}
PAGE_SIZE = 500
"""Changes that are read at once, until one is found that receivers can read: others may be withheld."""
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 300.0
"""Between attempts to send a message; each is twice as long as the one before."""
PROBLEM_MAX_LENGTH = 200
"""A receiver can respond with a status line of 64 KiB, which is part of the error."""

Result: TypeAlias = "tuple[Subscription, str | None] | None"
"""What went wrong when a message was sent, None if nothing; or None, which stops the command."""
Results: TypeAlias = SimpleQueue[Result]


@dataclass(eq=False)
class Subscription:
    """A receiver's place in a feed, and the message that it has not accepted yet."""

    url: str
    feed: Feed
    since: SyncToken | None = None
    """All before it has been reported; None before the first start."""
    next_since: SyncToken | None = None
    message: webhooks.Message | None = None
    is_sending: bool = False
    retry_at: float = 0
    pause: float = FIRST_PAUSE_SECONDS

    def look(self, db: Connection) -> bool:
        """Make a message if there are changes; return whether the place has moved without one."""
        if self.message:
            return False
        if self.since is None:
            self.since = changes.end(db, self.feed)
            return True
        try:
            page = PAGES[self.feed](db, since=self.since, limit=PAGE_SIZE)
        except SyncTokenExpired:
            # The receiver must begin again, and learns of everything that is there now.
            self._report(None, changes.end(db, self.feed))
            return False
        if page.changes:
            # One message for all: it names no change, and its receiver reads on until there are no more.
            self._report(self.since, changes.end(db, self.feed) if page.has_more else page.next_since)
            return False
        moved, self.since = self.since != page.next_since, page.next_since
        return moved

    def _report(self, since: SyncToken | None, next_since: SyncToken) -> None:
        token = since and sync_tokens.encode(since)
        path = f"/changes/{self.feed}" + (f"?since={token}" if token else "")
        content = {
            "type": f"{self.feed}.changed",
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "data": {"since": token, "path": path},
        }
        digest = hashlib.sha256(f"{path} {sync_tokens.encode(next_since)}".encode()).hexdigest()
        self.next_since = next_since
        self.message = webhooks.Message(f"msg_{digest[:32]}", json.dumps(content).encode())

    def send(self, secret: bytes, results: Results) -> None:
        """Send the message, unless it must wait, in a thread, so that no receiver delays another."""
        if self.message and not self.is_sending and time.monotonic() >= self.retry_at:
            self.is_sending = True
            # Daemons end with the process, whatever a receiver does.
            threading.Thread(target=self._send, args=(secret, self.message, results), daemon=True).start()

    def _send(self, secret: bytes, message: webhooks.Message, results: Results) -> None:
        problem: str | None = "internal error"
        try:
            problem = webhooks.send(self.url, secret, message)
        finally:
            results.put((self, problem))

    def finish(self, problem: str | None) -> bool:
        """Note what went wrong when the message was sent; return whether the receiver has accepted it."""
        self.is_sending = False
        if problem is not None:
            shown = escape_controls(problem[:PROBLEM_MAX_LENGTH])
            click.echo(f"{webhooks.origin(self.url)}: {shown}. Next attempt in {self.pause:.0f} s.", err=True)
            self.retry_at = time.monotonic() + self.pause
            self.pause = min(2 * self.pause, MAX_PAUSE_SECONDS)
            return False
        self.since, self.message, self.pause = self.next_since, None, FIRST_PAUSE_SECONDS
        return True
