"""Mirrors that poll while clients write and workers are killed miss nothing."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.app import create_app
from api.settings import Settings
from api.store import posts, users
from api.store.engine.connections import Connection
from api.store.posts_table import posts as posts_table
from tests.faults.accounting import LOAD_SECONDS, note
from tests.support.mirrors import Mirrors, listed
from tests.support.postgresql import Cluster
from tests.support.rows import select_rows
from tests.support.servers import Server, sign_up, worker_pids
from tests.support.waiting import wait_until

pytestmark = pytest.mark.heavy

WRITERS = 4
CHANGES_PER_KILL = 20
PAGE_SIZES = (1, 7, 100)
"""Of the mirrors."""
SCHEDULED_SECONDS = 0.3
UNREACHABLE = (OSError, HTTPException)
ANY_VERSION = {"If-Match": "*"}


class Writer:
    """A client that publishes, schedules, changes, unpublishes and removes posts, and changes its name."""

    def __init__(self, server: Server, number: int) -> None:
        self.changes: Counter[str] = Counter()
        """Acknowledged ones."""
        self._server = server
        self._headers = {**sign_up(server, f"writer-{number}"), "Content-Type": "application/json"}
        self._profile = f"/users/writer-{number}"
        self._random = random.Random(number)
        self._urls: list[str] = []

    def write(self) -> None:
        """Send one request."""
        kinds = ["publish", "schedule", "draft", "put"]
        if self._urls:
            kinds += ["revise", "revise", "unpublish", "republish", "remove", "rename"]
        kind = self._random.choice(kinds)
        with suppress(*UNREACHABLE):
            if self._send(kind):
                self.changes[kind] += 1

    def _send(self, kind: str) -> bool:
        now = datetime.now(UTC)
        text, soon = str(self._random.random()), now + timedelta(seconds=SCHEDULED_SECONDS)
        published_at = {
            "publish": now.isoformat(),
            "schedule": soon.isoformat(),
            "republish": now.isoformat(),
        }.get(kind)
        if kind in {"publish", "schedule", "draft"}:
            status, created = self._request(
                "POST", "/posts", {"title": text, "body": text, "published_at": published_at}
            )
            if status == 201:
                self._urls.append(created["url"])
            return status == 201
        if kind == "put":
            return self._put(self._random.choice("abc"), {"title": text, "body": text, "published_at": now.isoformat()})
        if kind == "rename":
            return self._request("PATCH", self._profile, {"display_name": text})[0] == 200
        url = self._random.choice(self._urls)
        if kind == "remove":
            self._urls.remove(url)
            return self._request("DELETE", url)[0] == 204
        changes = {"title": text} if kind == "revise" else {"published_at": published_at}
        return self._request("PATCH", url, changes)[0] == 200

    def _put(self, slug: str, content: object) -> bool:
        """Publish a post by its slug, or else replace it."""
        path = f"{self._profile}/posts/{slug}"
        status, created = self._request("PUT", path, content, {"If-None-Match": "*"})
        if status == 201:
            self._urls.append(created["url"])
        return status == 201 or self._request("PUT", path, content)[0] == 200

    def _request(
        self, method: str, path: str, content: object = None, condition: Mapping[str, str] = ANY_VERSION
    ) -> tuple[int, Any]:
        headers = {**self._headers, **condition, "Connection": "close"}
        with closing(self._server.connect(30)) as connection:
            connection.request(method, path, None if content is None else json.dumps(content), headers)
            response = connection.getresponse()
            raw = response.read()
            return response.status, json.loads(raw) if raw else None


def _repeat_until_set(stopped: threading.Event, action: Callable[[], object], pause: float) -> threading.Thread:
    def run() -> None:
        while not stopped.wait(pause):
            action()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@contextmanager
def _in_background(actions: Mapping[Callable[[], object], float]) -> Iterator[None]:
    """Repeat each action in a thread of its own, with so many seconds in between, until the end of the block."""
    stopped = threading.Event()
    threads = [_repeat_until_set(stopped, action, pause) for action, pause in actions.items()]
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_mirrors_miss_nothing_while_workers_are_killed(
    serve: Callable[..., Server], request: pytest.FixtureRequest, engine: str
) -> None:
    options = {"PRESSROOM_RATE_LIMITS": "off"}
    if engine == "postgresql":
        options["PRESSROOM_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    server = serve(**options)
    kills = Counter[str]()

    def get(path: str) -> tuple[int, Any]:
        while True:
            with suppress(*UNREACHABLE), closing(server.connect(30)) as connection:
                connection.request("GET", path, headers={"Connection": "close"})
                response = connection.getresponse()
                content = json.loads(response.read())
                if response.status != 503:
                    return response.status, content
            time.sleep(0.01)

    def follow(mirrors: Mirrors, limit: int) -> Callable[[], object]:
        def poll() -> None:
            mirrors.posts.poll(limit)
            mirrors.users.poll(limit)

        return poll

    def changes() -> int:
        return sum(writer.changes.total() for writer in writers)

    def kill_a_worker() -> None:
        # After so many more changes, because on a slow machine no worker would live until it has started.
        if changes() >= CHANGES_PER_KILL * (kills.total() + 1):
            with suppress(ProcessLookupError, IndexError):
                os.kill(random.choice(worker_pids(server)), signal.SIGKILL)
                kills["killed"] += 1

    writers = [Writer(server, number) for number in range(WRITERS)]
    mirrors = [Mirrors(get) for _ in PAGE_SIZES]
    followers = {follow(mirror, limit): 0.005 for mirror, limit in zip(mirrors, PAGE_SIZES, strict=True)}
    with _in_background({**{writer.write: 0.002 for writer in writers}, **followers, kill_a_worker: 1}):
        began = time.monotonic()
        wait_until(
            lambda: kills.total() >= 5 * LOAD_SECONDS and time.monotonic() - began > 5 * LOAD_SECONDS,
            timeout=60 * LOAD_SECONDS + 240,
        )
    time.sleep(SCHEDULED_SECONDS)
    stored = listed(get)
    missing = 0
    for each in mirrors:
        each.catch_up()
        content = each.content
        missing += sum(content.get(url) != item for url, item in stored.items())
        assert content.keys() == stored.keys()
        assert not each.posts.restarts
        assert not each.users.restarts
    entries = [each.posts.entries + each.users.entries for each in mirrors]
    note(
        f"{kills['killed']} workers killed under {len(mirrors)} mirrors on {engine}",
        f"{changes()} changes acknowledged",
        f"{entries} entries mirrored",
        f"{missing} missing",
        "-",
        "-",
    )
    assert missing == 0


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Cluster]:
    # A transaction that is rolled back leaves nothing in the log that a crash does not lose.
    with Cluster.create(tmp_path / "primary", wal_writer_delay="10s") as cluster:
        yield cluster


class Site:
    """An application on a server, and mirrors that read from it."""

    def __init__(self, cluster: Cluster) -> None:
        self.app = create_app(Settings(database_url=cluster.url(), rate_limits="off", access_log=""))
        self._published_at = datetime.now(UTC)

    def get(self, path: str) -> tuple[int, Any]:
        """Send a GET request."""
        response = self.app.test_client().get(path)
        return response.status_code, response.json

    def publish(self) -> None:
        """Publish a post by the first user."""
        with self.app.database.write() as db:
            self._publish(db)

    def publish_and_roll_back(self) -> int:
        """Publish a post in a transaction that is rolled back; return the id of the transaction."""
        with suppress(InterruptedError), self.app.database.write() as db:
            self._publish(db)
            current = sa.literal_column("CAST(CAST(pg_current_xact_id() AS text) AS bigint)", sa.BigInteger)
            [row] = select_rows(db, sa.select(current.label("id")))
            raise InterruptedError
        return int(row.id)

    def _publish(self, db: Connection) -> None:
        # Each before the last one, or it would also be among those that have become public.
        self._published_at -= timedelta(1)
        posts.publish(db, author_id=1, title="t", body="b", tags=[], published_at=self._published_at)


def test_a_change_is_mirrored_though_its_transaction_has_the_id_of_one_before_a_crash(primary: Cluster) -> None:
    site = Site(primary)
    with site.app.database.write() as db:
        users.register(db, username="ada")
    site.publish()
    mirrors = Mirrors(site.get)
    mirrors.catch_up()
    site.publish()
    rolled_back = site.publish_and_roll_back()
    mirrors.catch_up()
    site.app.database.close()
    primary.kill()
    primary.start()
    site.publish()
    with site.app.database.read() as db:
        [last] = select_rows(db, sa.select(sa.func.max(posts_table.c.change_position).label("position")))
    assert last.position <= rolled_back
    for _ in range(3):
        mirrors.catch_up()
        assert mirrors.content == listed(site.get)
        site.publish()
    site.app.database.close()


def test_a_mirror_starts_again_after_a_fail_over_that_lost_changes(primary: Cluster, tmp_path: Path) -> None:
    before = Site(primary)
    with before.app.database.write() as db:
        users.register(db, username="ada")
    before.publish()
    with primary.replica(tmp_path / "replica") as replica:
        replica.catch_up(primary)
        replica.stop()
        mirrors = Mirrors(before.get)
        before.publish()
        mirrors.catch_up()
        before.app.database.close()
        primary.kill()
        replica.start()
        replica.promote()
        wait_until(lambda: replica.query("SELECT pg_is_in_recovery()") == [(False,)])
        after = Site(replica)
        for _ in range(5):
            after.publish()
        mirrors.posts._get = mirrors.users._get = after.get
        mirrors.catch_up()
        assert mirrors.posts.restarts == mirrors.users.restarts == 1
        assert mirrors.content == listed(after.get)
        after.app.database.close()
