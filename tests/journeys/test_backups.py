"""Backup and restore while clients read and write."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, sign_up

pytestmark = pytest.mark.heavy

WRITERS = 4
POSTS_BEFORE = 300
"""Posts that are published before the backup."""


class Load:
    """Clients that publish and list posts until they are stopped, and the responses they got."""

    def __init__(self, server: Server, headers: dict[str, str]) -> None:
        self.server, self.headers, self.stopped = server, headers, threading.Event()
        self.published: list[list[str]] = [[] for _ in range(WRITERS)]
        self.statuses: list[int] = []
        self.lists: list[list[str]] = []

    def write(self, writer: int) -> None:
        with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as connection:
            number = 0
            while not self.stopped.is_set():
                title = f"{writer} {number}"
                content = json.dumps({"title": title, "body": "b" * 500})
                connection.request("POST", "/posts", content, {**self.headers, "Content-Type": "application/json"})
                response = connection.getresponse()
                response.read()
                self.statuses.append(response.status)
                if response.status == 201:
                    self.published[writer].append(title)
                    number += 1

    def read(self) -> None:
        with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as connection:
            while not self.stopped.is_set():
                connection.request("GET", "/posts?author=reader&limit=100")
                response = connection.getresponse()
                page: Any = json.loads(response.read())
                self.statuses.append(response.status)
                self.lists.append([post["title"] for post in page["items"]])

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the clients during the block."""
        with ThreadPoolExecutor(WRITERS + 2) as clients:
            futures: list[Future[None]] = [clients.submit(self.write, writer) for writer in range(WRITERS)]
            futures += [clients.submit(self.read) for _ in range(2)]
            try:
                yield
            finally:
                self.stopped.set()
        for future in futures:
            future.result()

    def wait_for(self, posts: int) -> None:
        while sum(map(len, self.published)) < posts:
            assert not self.stopped.wait(0.02)


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve(WEB_CONCURRENCY="2", PRESSROOM_RATE_LIMITS="off", PRESSROOM_ACCESS_LOG="")


def pressroom(server: Server, *arguments: str | Path) -> None:
    command = [Path(sys.executable).with_name("pressroom"), *arguments]
    subprocess.run(command, cwd=PROJECT_ROOT, env={"PRESSROOM_DATABASE_URL": server.database_url}, check=True)


def titles(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [title for (title,) in connection.execute("SELECT title FROM posts ORDER BY id")]


def test_a_backup_under_load_has_all_earlier_posts_and_is_consistent(server: Server, tmp_path: Path) -> None:
    load, saved = Load(server, sign_up(server)), tmp_path / "saved.sqlite"
    with load.running():
        load.wait_for(POSTS_BEFORE)
        before = [len(published) for published in load.published]
        pressroom(server, "backup", saved)
        load.wait_for(POSTS_BEFORE * 2)
    assert set(load.statuses) == {200, 201}
    saved_titles = titles(saved)
    for writer, published in enumerate(load.published):
        saved_of_writer = [title for title in saved_titles if title.startswith(f"{writer} ")]
        assert before[writer] <= len(saved_of_writer) <= len(published)
        assert saved_of_writer == published[: len(saved_of_writer)]


def test_readers_see_the_old_or_the_restored_content_and_nothing_in_between(server: Server, tmp_path: Path) -> None:
    headers, reader = sign_up(server), sign_up(server, "reader")
    load, saved = Load(server, headers), tmp_path / "saved.sqlite"
    old = [f"old {number}" for number in range(100)]
    new = [f"new {number}" for number in range(100)]
    for title in old:
        server.post_json("/posts", {"title": title, "body": "b" * 5000}, reader)
    pressroom(server, "backup", saved)
    for title in new:
        server.post_json("/posts", {"title": title, "body": "b" * 5000}, reader)
    with load.running():
        load.wait_for(POSTS_BEFORE)
        pressroom(server, "restore", saved, "--yes")
        restored = len(load.lists)
        load.wait_for(POSTS_BEFORE * 2)
        while len(load.lists) < restored + 50:
            assert not load.stopped.wait(0.02)
    assert set(load.statuses) == {200, 201}
    # Newest first. A page with posts of both would be of no state that the database ever had.
    assert {tuple(listed) for listed in load.lists} == {tuple(reversed(new)), tuple(reversed(old))}
    assert {tuple(listed) for listed in load.lists[restored + 2 :]} == {tuple(reversed(old))}
    restored_titles = set(titles(tmp_path / "pressroom.sqlite"))
    assert not set(new) & restored_titles
    assert set(old) < restored_titles
    assert "Traceback" not in server.log.read_text()
