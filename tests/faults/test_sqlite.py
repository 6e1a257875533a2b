"""SQLite on a full disk, and after a power loss."""

import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from api.settings import Settings
from api.store import archive
from api.store.engine.database import Database
from tests.faults.accounting import LOAD_SECONDS, is_intact, note, under_load
from tests.faults.load_generator import SERVER_ENVIRONMENT, Load
from tests.faults.power_loss import STRACE, power_losses
from tests.faults.writers import Writers
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, sign_up
from tests.support.waiting import wait_until

pytestmark = pytest.mark.heavy

POSTS_RECORDED = 600


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_reads_succeed_while_the_disk_is_full(serve: Callable[..., Server], small_disk: Path) -> None:
    database = small_disk / "pressroom.sqlite"
    server = serve(PRESSROOM_DATABASE_URL=f"sqlite:///{database}")
    with under_load("disk full, on SQLite", server) as load:
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        wait_until(lambda: load.failures("POST")[507] > 20)
        filler.unlink()
    assert load.failures().keys() == {507}
    assert not load.failures("GET")
    assert f"The file system of {database} is full. Make space on it." in server.log.read_text()
    assert is_intact(database)


@pytest.mark.alone
def test_reads_are_served_while_another_process_holds_the_lock(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    seconds = max(6, 3 * LOAD_SECONDS)  # longer than a writer waits
    with Writers(server, sign_up(server), writers=24, readers=4) as load:
        time.sleep(LOAD_SECONDS)
        wait_until(lambda: len(load.writes) > 48)
        with closing(sqlite3.connect(tmp_path / "pressroom.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            locked = time.monotonic()
            time.sleep(seconds)
            other.execute("ROLLBACK")
        unlocked = time.monotonic()
        time.sleep(LOAD_SECONDS + 1)
    reads = [read for read in load.reads if locked < read.end and read.start < unlocked]
    slowest = max(read.end - read.start for read in reads)
    writes = Counter(write.status for write in load.writes)
    note(f"lock held for {seconds:.0f} s, on SQLite", writes.total(), writes[503], 0, "—", f"{slowest:.1f} s (reads)")
    assert {read.status for read in load.reads} == {200}
    assert slowest <= 1
    assert len(reads) > 20 * seconds
    assert writes.keys() == {201, 503}
    before, after = (
        {write.status for write in load.writes if begin < write.start and write.end < end}
        for begin, end in ((0, locked - 0.2), (unlocked + 1, unlocked + 9))
    )
    assert before == after == {201}


class Recording(NamedTuple):
    """The number of requests that a server got, and the strace log of its system calls."""

    requests: int
    strace_log: Path


class TracedServer(Server):
    """A server whose system calls strace records."""

    def start(self) -> "TracedServer":
        self.strace_log = self.log.with_name("strace")
        self._command = [*STRACE, "-o", str(self.strace_log), *self._command]
        super().start()
        return self

    def log_is_complete(self) -> bool:
        """Return whether the log ends with the exit of the master, the last process."""
        with self.strace_log.open("rb") as log:
            log.seek(-100, os.SEEK_END)
            return re.search(rb"^%d +\+\+\+ exited" % self.process.pid, log.read(), re.MULTILINE) is not None


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recording]:
    """Record a server under load, once for each value of PRESSROOM_SQLITE_SYNCHRONOUS."""
    if shutil.which("strace") is None:
        pytest.skip("no strace: apt-get install strace")

    @cache
    def run(synchronous: str) -> Recording:
        environment = {**SERVER_ENVIRONMENT, "PRESSROOM_SQLITE_SYNCHRONOUS": synchronous}
        server = TracedServer(["gunicorn"], tmp_path_factory.mktemp(synchronous), PROJECT_ROOT, **environment)
        server.wait_until_ready()
        with Load(lambda: server.connect(30)) as load:
            # So many that the log has been written back to the database several times.
            wait_until(lambda: len(load.posts) > POSTS_RECORDED, timeout=300)
        assert server.stop() == 0
        wait_until(server.log_is_complete)
        assert not load.failures()
        return Recording(len(load.requests), server.strace_log)

    return run


def lost_posts(recording: Recording, directory: Path, *, ignore_syncs: bool = False) -> Iterator[int | None]:
    """Count the acknowledged posts lost in each of 40 power losses; None where the database is corrupt."""
    losses = power_losses(recording.strace_log, number=40, ignore_syncs=ignore_syncs)
    for number, loss in enumerate(losses):
        (found := directory / f"{number}").mkdir()
        for name, content in loss.files.items():
            (found / Path(name).name).write_bytes(content)
        path = found / "pressroom.sqlite"
        if not is_intact(path):
            yield None
            continue
        database = Database(Settings(database_url=f"sqlite:///{path}"))
        # NORMAL syncs so rarely that the tables themselves may be missing.
        with database.read() as db:
            stored = {post.title for post in archive.all_posts(db)} if database.revision() else set()
        database.close()
        yield len(loss.acknowledged - stored)


def test_no_acknowledged_write_is_lost_in_a_power_loss_with_synchronous_full(
    record: Callable[[str], Recording], tmp_path: Path
) -> None:
    recording = record("FULL")
    lost = [*lost_posts(recording, tmp_path)]
    note("power loss at 40 points, on SQLite", recording.requests, "—", sum(filter(None, lost)), "—", "—")
    assert lost == [0] * 40


def test_acknowledged_writes_but_not_the_database_are_lost_in_a_power_loss_with_synchronous_normal(
    record: Callable[[str], Recording], tmp_path: Path
) -> None:
    recording = record("NORMAL")
    lost = [*lost_posts(recording, tmp_path)]
    total = sum(filter(None, lost))
    note(
        "power loss at 40 points, with `PRESSROOM_SQLITE_SYNCHRONOUS=NORMAL`",
        *(recording.requests, "—", f"{total} (sum)", "—", "—"),
    )
    assert None not in lost
    assert total


def test_a_disk_that_ignores_syncs_corrupts_the_database(record: Callable[[str], Recording], tmp_path: Path) -> None:
    """No setting can prevent that; it also shows that this suite detects corruption."""
    assert None in lost_posts(record("FULL"), tmp_path, ignore_syncs=True)
