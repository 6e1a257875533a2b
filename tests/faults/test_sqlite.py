"""SQLite's disk is full, or loses power."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from api.settings import Settings
from api.store import archive
from api.store.engine.database import Database
from tests.faults.accounts import is_whole, note, under_load
from tests.faults.conftest import SETTINGS
from tests.faults.load import Load
from tests.faults.power import STRACE, cuts
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server
from tests.support.waiting import until

pytestmark = pytest.mark.heavy


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk], check=False).returncode:
        pytest.skip("only root mounts a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_who_reads_is_served_while_the_disk_is_full(start: Callable[..., Server], small_disk: Path) -> None:
    database = small_disk / "pressroom.sqlite"
    server = start(PRESSROOM_DATABASE_URL=f"sqlite:///{database}")
    with under_load("disk full, on SQLite", server) as load:
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        until(lambda: load.failed("POST")[503] > 20)
        filler.unlink()
    assert load.failed().keys() == {503}
    assert not load.failed("GET")
    assert is_whole(database)


class Recording(NamedTuple):
    """How many requests were sent to a server, and what it has asked of the kernel meanwhile."""

    requests: int
    calls: Path


class Traced(Server):
    """A server whose calls to the kernel are written down."""

    def start(self) -> "Traced":
        self.calls = self.log.with_name("calls")
        self._command = [*STRACE, "-o", str(self.calls), *self._command]
        super().start()
        return self

    def is_written_down(self) -> bool:
        """Whether all is, to the end of the master, which is the last."""
        with self.calls.open("rb") as calls:
            calls.seek(-100, os.SEEK_END)
            return re.search(rb"^%d +\+\+\+ exited" % self.process.pid, calls.read(), re.MULTILINE) is not None


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recording]:
    """Serves for a while, and tells how many requests, and what it has asked of the kernel."""
    if shutil.which("strace") is None:
        pytest.skip("no strace: apt-get install strace")

    @cache
    def run(synchronous: str) -> Recording:
        directory = tmp_path_factory.mktemp(synchronous)
        settings = {**SETTINGS, "PRESSROOM_SQLITE_SYNCHRONOUS": synchronous}
        server = Traced(["gunicorn"], directory, PROJECT_ROOT, **settings)
        server.wait()
        with Load(lambda: server.connect(30)) as load:
            time.sleep(3)
        assert server.stop() == 0
        until(server.is_written_down)
        assert not load.failed()
        return Recording(len(load.requests), server.calls)

    return run


def found(recording: Recording, directory: Path, *, honest: bool = True) -> Iterator[int | None]:
    """How many acknowledged posts are missing after each of 40 cuts of power; None where the database is broken."""
    for number, cut in enumerate(cuts(recording.calls, number=40, honest=honest)):
        (place := directory / f"{number}").mkdir()
        for name, content in cut.files.items():
            (place / Path(name).name).write_bytes(content)
        path = place / "pressroom.sqlite"
        if not is_whole(path):
            yield None
            continue
        database = Database(Settings(database_url=f"sqlite:///{path}"))
        # Without NORMAL's syncs, even the tables may not be there yet.
        with database.read() as db:
            kept = {post.title for post in archive.all_posts(db)} if database.revision() else set()
        database.close()
        yield len(cut.acknowledged - kept)


def test_nothing_acknowledged_is_lost_with_the_power(record: Callable[[str], Recording], tmp_path: Path) -> None:
    recording = record("FULL")
    missing = [*found(recording, tmp_path)]
    note("power lost at 40 moments, on SQLite", recording.requests, "—", sum(filter(None, missing)), "—", "—")
    assert missing == [0] * 40


def test_what_was_acknowledged_last_may_be_lost_with_the_power_where_that_was_chosen(
    record: Callable[[str], Recording], tmp_path: Path
) -> None:
    """With NORMAL; the database is whole nevertheless."""
    recording = record("NORMAL")
    missing = [*found(recording, tmp_path)]
    lost = sum(filter(None, missing))
    note("the same with `PRESSROOM_SQLITE_SYNCHRONOUS=NORMAL`", recording.requests, "—", f"{lost} (together)", "—", "—")
    assert None not in missing
    assert lost


def test_a_disk_that_lies_breaks_the_database(record: Callable[[str], Recording], tmp_path: Path) -> None:
    """No setting helps; and this suite sees what is broken."""
    assert None in found(record("FULL"), tmp_path, honest=False)
