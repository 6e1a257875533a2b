"""Litestream beside SQLite: what a restore from the replica has after everything was killed at a random time."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import yaml

from tests.faults.accounting import LOAD_SECONDS, is_intact, note, stored_titles, under_load
from tests.faults.load_generator import Load
from tests.support.paths import PROJECT_ROOT
from tests.support.processes import child_pids
from tests.support.servers import Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.heavy

PROGRAM = Path(sys.executable).with_name("litestream")
DOCUMENTED_LOSS_SECONDS = 5
ROUNDS = int(os.environ.get("LITESTREAM_ROUNDS", "2"))
"""How often the machine is lost."""
LOG_MAX_BYTES = 64 * 2**20


class Litestream:
    """`litestream replicate` with the configuration in `deploy/`, but for the paths."""

    def __init__(self, directory: Path) -> None:
        self.database = directory / "pressroom.sqlite"
        self.configuration = directory / "litestream.yml"
        self.log = directory / "litestream.log"
        shipped = yaml.safe_load((PROJECT_ROOT / "deploy/litestream/litestream.yml").read_text())
        [database] = shipped["dbs"]
        database["path"] = str(self.database)
        database["replica"]["url"] = f"file://{directory / 'replica'}"
        self.configuration.write_text(yaml.safe_dump(shipped))

    def start(self) -> "Litestream":
        """Start it."""
        with self.log.open("ab") as log:
            command: list[str | Path] = [PROGRAM, "replicate", "-config", self.configuration]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        return self

    def stop(self) -> None:
        """Stop it as systemd does, so that it sends what is committed."""
        self.process.terminate()
        assert self.process.wait(60) == 0, self.log.read_text()

    def restore(self, path: Path, *options: str) -> bool:
        """Restore the database to `path`; return whether the replica has one."""
        path.unlink(missing_ok=True)
        command: list[str | Path] = [
            PROGRAM,
            "restore",
            "-config",
            self.configuration,
            "-integrity-check",
            "full",
            "-o",
            path,
            *options,
        ]
        return subprocess.run([*command, self.database], check=False, capture_output=True).returncode == 0


@pytest.fixture
def litestream(tmp_path: Path) -> Iterator[Litestream]:
    litestream = Litestream(tmp_path)
    yield litestream
    if litestream.process.poll() is None:
        litestream.process.kill()
        litestream.process.wait()


def lose_machine(server: Server, litestream: Litestream) -> None:
    """Kill every process, and remove the database with all that is beside it."""
    processes = [server.process.pid, *child_pids(server.process.pid), litestream.process.pid]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    litestream.process.wait()
    for path in litestream.database.parent.glob("pressroom.sqlite*"):
        path.unlink()
    subprocess.run(["rm", "-r", litestream.database.with_name(".pressroom.sqlite-litestream")], check=True)


def put_in_place(server: Server, restored: Path) -> None:
    """Run `pressroom restore`."""
    command: list[str | Path] = [sys.executable, "-m", "api.cli", "restore", "--yes", restored]
    environment = {**os.environ, "PRESSROOM_DATABASE_URL": server.database_url}
    subprocess.run(command, env=environment, cwd=PROJECT_ROOT, check=True, capture_output=True)


def recover(server: Server, litestream: Litestream, *options: str) -> None:
    """Restore the database as `deploy/litestream.md` says, and start everything."""
    restored = litestream.database.with_name("restored.db")
    assert litestream.restore(restored, *options)
    assert is_intact(restored)
    put_in_place(server, restored)
    litestream.start()
    server.start().wait_until_ready()
    assert is_intact(litestream.database)


def published(load: Load, stored: set[str]) -> dict[str, float]:
    """Return when each acknowledged post that is not `stored` was acknowledged."""
    times = [request.end for request in load.requests if request.method == "POST"]
    posts = zip(load.posts, times, strict=True)
    return {post.title: end for post, end in posts if post.url and post.title not in stored}


def read_epoch(path: Path) -> object:
    """Return the name of the epoch in which the database is."""
    with closing(sqlite3.connect(path)) as database:
        sql = "SELECT epoch FROM sync_epochs WHERE feed = 'posts' ORDER BY first_position DESC LIMIT 1"
        return database.execute(sql).fetchone()


def follow(server: Server, seconds: float) -> tuple[set[str], str]:
    """Follow the change feed for so long; return the titles of the posts in it, and the last token."""
    titles: set[str] = set()
    path, end = "/changes/posts?expand=body", time.monotonic() + seconds
    while True:
        page = server.get_json(path)
        titles |= {item["post"]["title"] for item in page["items"] if item.get("post")}
        path = f"/changes/posts?expand=body&since={page['next_since']}"
        if time.monotonic() > end and not page["has_more"]:
            return titles, path


def test_a_restore_after_everything_was_killed_lacks_at_most_the_documented_seconds(
    serve: Callable[..., Server], litestream: Litestream
) -> None:
    """The machine is lost again and again, so what was written after a restore is replicated, too."""
    server = serve()
    litestream.start()
    requests, lost_posts, acknowledged, most = 0, 0, 0, 0.0
    for round_number in range(ROUNDS):
        load = Load(lambda: server.connect(timeout=30))
        load._numbers = count(1_000_000 * round_number)
        with load:
            mirror, path = follow(server, random.uniform(DOCUMENTED_LOSS_SECONDS, DOCUMENTED_LOSS_SECONDS + 3))
            assert mirror
            epoch = read_epoch(litestream.database)
            killed = time.monotonic()
            lose_machine(server, litestream)
        recover(server, litestream)
        stored = set(stored_titles(load))
        lost = published(load, stored)
        most = max(most, *(killed - end for end in lost.values()), 0.0)
        requests += len(load.requests)
        acknowledged += sum(bool(post.url) for post in load.posts)
        lost_posts += len(lost)
        assert read_epoch(litestream.database) != epoch
        # A client that has read of a post that is lost must begin again.
        assert server.get_status(path) == (200 if mirror <= stored else 410)
    lost_of_all = f"{lost_posts} of {acknowledged}, in {ROUNDS} losses"
    note("machine lost, and the database restored by Litestream", requests, "—", lost_of_all, f"{most:.1f} s lost", "—")
    assert acknowledged > lost_posts
    assert most <= DOCUMENTED_LOSS_SECONDS
    # In order: first the server, then Litestream, which loses nothing.
    assert load.publish("the last one", None)
    server.stop()
    litestream.stop()
    assert litestream.restore(restored := litestream.database.with_name("restored.db"))
    assert is_intact(restored)
    assert b"the last one" in restored.read_bytes()


def test_a_restore_to_a_time_has_what_was_published_before(
    serve: Callable[..., Server], litestream: Litestream
) -> None:
    server = serve()
    litestream.start()
    with Load(lambda: server.connect(timeout=30)) as load:
        pass
    assert load.publish("before", None)
    restored = litestream.database.with_name("restored.db")

    def has(title: str) -> Callable[[], bool]:
        return lambda: litestream.restore(restored) and title.encode() in restored.read_bytes()

    wait_until(has("before"))
    timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    assert load.publish("a mistake", None)
    wait_until(has("a mistake"))
    assert litestream.restore(restored, "-timestamp", timestamp)
    put_in_place(server, restored)  # the server and Litestream are running
    titles = set(stored_titles(load))
    assert "before" in titles
    assert "a mistake" not in titles
    assert load.publish("afterwards", None)
    wait_until(has("afterwards"))
    assert b"a mistake" not in restored.read_bytes()


def test_no_request_fails_while_litestream_replicates_an_export_runs_and_clients_write(
    serve: Callable[..., Server], litestream: Litestream, tmp_path: Path
) -> None:
    server = serve()
    litestream.start()
    with under_load("Litestream replicating, and exports, on SQLite", server) as load:
        end = time.monotonic() + max(3, LOAD_SECONDS)
        while time.monotonic() < end:
            command: list[str | Path] = [sys.executable, "-m", "api.cli", "export", tmp_path / "site.ndjson"]
            environment = {**os.environ, "PRESSROOM_DATABASE_URL": server.database_url}
            subprocess.run(command, env=environment, cwd=PROJECT_ROOT, check=True, capture_output=True)
    assert not load.failures()
    assert (tmp_path / "pressroom.sqlite-wal").stat().st_size < LOG_MAX_BYTES
