"""`pressroom notify` stopped, killed and started again, while clients publish, edit and delete."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.accounting import note
from tests.faults.load_generator import Load
from tests.support.http import send_request
from tests.support.mirrors import listed
from tests.support.notifications import Notifier, Receiver
from tests.support.servers import Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.heavy

ROUNDS = int(os.environ.get("NOTIFY_ROUNDS", "1"))
"""How often the command is stopped, and how often it is killed."""


class Follower:
    """Reads the feed from the path in each message that the receiver has accepted, and from nowhere else."""

    def __init__(self, server: Server, receiver: Receiver) -> None:
        self.posts: dict[str, Any] = {}
        self._server, self._receiver, self._followed = server, receiver, 0

    def follow(self) -> None:
        """Read on after each new message: up to the present, because later changes have messages of their own."""
        # Clients may change more than is read. The second is for writes whose times are not in the order of commits.
        end = datetime.now(UTC) + timedelta(seconds=1)
        accepted = self._receiver.accepted()
        for message in accepted[self._followed :]:
            path = message.path
            while path:
                separator = "&" if "?" in path else "?"
                page = self._server.get_json(f"{path}{separator}expand=body&limit=100")
                self.posts |= {item["url"]: item["post"] for item in page["items"]}
                is_late = page["items"] and datetime.fromisoformat(page["items"][-1]["changed_at"]) > end
                path = f"/changes/posts?since={page['next_since']}" if page["has_more"] and not is_late else ""
        self._followed = len(accepted)

    def has_caught_up(self) -> bool:
        """Read on, and return whether it has exactly the public posts, as they are."""
        self.follow()
        stored = listed(lambda path: (200, self._server.get_json(path)))
        posts = {url: item for url, item in stored.items() if url.startswith("/posts/")}
        return posts == {url: post for url, post in self.posts.items() if post}


class Editor(threading.Thread):
    """Publishes posts of its own, edits each, and deletes every other one, until it is stopped."""

    def __init__(self, load: Load) -> None:
        super().__init__()
        self._load, self._stopped, self.writes = load, threading.Event(), 0

    def run(self) -> None:
        while not self._stopped.is_set():
            if post := self._send("POST", "/posts", {"title": "edited", "body": "b"}):
                self._send("PATCH", post["url"], {"body": f"edited after {self.writes} writes"})
                if self.writes % 4 == 2:
                    self._send("DELETE", post["url"])

    def _send(self, method: str, path: str, content: object = None) -> Any:
        with closing(self._load.connect()) as connection:
            headers = {**self._load.headers, "Connection": "close", "If-Match": "*"}
            response = send_request(connection, method, path, content, headers)
            assert response.status in {200, 201, 204, 503}, response
            self.writes += response.status != 503
            return response.json if response.status in {200, 201} else None

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def run(server: Server, database_url: str, directory: Path) -> tuple[object, ...]:
    """Stop and kill the command again and again; return the columns of the table of faults."""
    receiver = Receiver()
    notifier = Notifier(database_url, directory, receiver.url).start()
    follower = Follower(server, receiver)
    while_down = 0
    try:
        with Load(lambda: server.connect(timeout=30)) as load:
            (editor := Editor(load)).start()

            def writes() -> int:
                return editor.writes + sum(bool(post.url) for post in [*load.posts])

            for number in range(2 * ROUNDS):
                accepted = len(receiver.accepted())
                wait_until(lambda: len(receiver.accepted()) > accepted)  # noqa: B023 (called at once)
                # In the midst of what it does then.
                time.sleep(random.uniform(0, 0.3))
                before = writes()
                notifier.process.send_signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
                assert notifier.process.wait(30) == (-signal.SIGKILL if number % 2 else 0), notifier.log.read_text()
                wait_until(lambda: writes() >= before + 50)  # noqa: B023 (the same)
                while_down += writes() - before
                receiver.statuses.append(503)
                notifier.start()
                follower.follow()
            editor.stop()
        wait_until(follower.has_caught_up)
        notifier.stop()
    finally:
        notifier.process.kill()
        notifier.process.wait()
        receiver.stop()
    assert {*load.failures()} <= {503}  # on a busy machine, writes to SQLite wait for each other
    assert while_down >= 2 * ROUNDS * 50
    changes = f"0 of {writes()} changes missed; {while_down} while it was down, {2 * ROUNDS} times"
    return len(load.requests) + editor.writes, load.failures().total(), changes, "—", f"{load.slowest():.1f} s"


def test_no_change_is_missed_on_sqlite(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    results = run(server, server.database_url, tmp_path)
    note("`pressroom notify` stopped and killed, and started again, on SQLite", *results)


def test_no_change_is_missed_on_postgresql(serve: Callable[..., Server], postgresql_url: str, tmp_path: Path) -> None:
    server = serve(PRESSROOM_DATABASE_URL=postgresql_url)
    results = run(server, postgresql_url, tmp_path)
    note("`pressroom notify` stopped and killed, and started again, on PostgreSQL", *results)
