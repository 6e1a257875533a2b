"""The files of an SQLite database are removed, replaced or moved while clients write."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.accounting import LOAD_SECONDS, note
from tests.faults.writers import Writers
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, sign_up, worker_pids
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.alone]


class Site(NamedTuple):
    """A site that is served from `database`, and what was copied from it before the load."""

    server: Server
    headers: dict[str, str]
    directory: Path
    database: Path
    backup: Path
    """Written by `pressroom backup`."""
    copy: Path
    """As `cp` copies a database that no server has open."""

    def pressroom(self, *arguments: str | Path) -> None:
        environment = {"PRESSROOM_DATABASE_URL": f"sqlite:///{self.database}"}
        command = [Path(sys.executable).with_name("pressroom"), *arguments]
        subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=True, timeout=30)

    def file(self, suffix: str) -> Path:
        return self.database.with_name(self.database.name + suffix)


@pytest.fixture
def site(serve: Callable[..., Server], tmp_path: Path) -> Site:
    (tmp_path / "real").mkdir()
    (tmp_path / "data").symlink_to("real")
    directory = tmp_path / "data"
    database, backup, copy = directory / "pressroom.sqlite", tmp_path / "backup.sqlite", tmp_path / "copy.sqlite"
    server = serve(PRESSROOM_DATABASE_URL=f"sqlite:///{database}")
    site = Site(server, sign_up(server), directory, database, backup, copy)
    for number in range(50):
        server.post_json("/posts", {"title": f"before {number}", "body": "b" * 5000}, site.headers)
    site.pressroom("backup", backup)
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return site


def remove(*suffixes: str) -> Callable[[Site], None]:
    def swap(site: Site) -> None:
        for suffix in suffixes:
            site.file(suffix).unlink()

    return swap


def move_away(*suffixes: str) -> Callable[[Site], None]:
    def swap(site: Site) -> None:
        for suffix in suffixes:
            site.file(suffix).rename(site.file(f".away{suffix}"))

    return swap


def move_away_and_back(site: Site) -> None:
    site.database.rename(site.file(".away"))
    time.sleep(0.5)
    site.file(".away").rename(site.database)


def move_over(source: str, *removed: str) -> Callable[[Site], None]:
    def swap(site: Site) -> None:
        remove(*removed)(site)
        getattr(site, source).replace(site.database)

    return swap


def copy_onto(source: str) -> Callable[[Site], None]:
    return lambda site: void(shutil.copyfile(getattr(site, source), site.database))


def truncate(site: Site) -> None:
    os.truncate(site.database, 0)


def replace_directory(site: Site) -> None:
    site.directory.resolve().rename(site.directory.with_name("old"))
    site.directory.with_name("real").mkdir()
    shutil.copy(site.backup, site.database)


def rename_directory(site: Site) -> None:
    site.directory.resolve().rename(site.directory.with_name("old"))


def switch_link(site: Site) -> None:
    site.directory.with_name("new").mkdir()
    shutil.copy(site.copy, site.directory.with_name("new") / site.database.name)
    site.directory.with_name("link").symlink_to("new")
    site.directory.with_name("link").replace(site.directory)


def mount_over(site: Site) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", site.directory.resolve()], check=False).returncode:
        pytest.skip("only root can mount a volume")
    shutil.copy(site.backup, site.database)


def restore(*removed: str) -> Callable[[Site], None]:
    def swap(site: Site) -> None:
        remove(*removed)(site)
        time.sleep(0.3)
        site.pressroom("restore", site.backup, "--yes")

    return swap


def void(_: object) -> None:
    """Ignore a value."""


@pytest.fixture
def unmount(site: Site) -> Iterator[None]:
    yield
    while site.directory.resolve().is_mount():
        subprocess.run(["umount", "--lazy", site.directory.resolve()], check=True)


ALL = ("", "-wal", "-shm")
REFUSED = {
    "rm": remove(*ALL),
    "rm of the main file": remove(""),
    "mv": move_away(*ALL),
    "mv of the main file": move_away(""),
    "cp of a backup onto it": copy_onto("backup"),
    "truncation": truncate,
    "renamed directory": rename_directory,
}
NOTHING_LOST = {
    "rm of the log": remove("-wal"),
    "rm of the log's index": remove("-shm"),
    "rm of the log and its index": remove("-wal", "-shm"),
    "mv, and back": move_away_and_back,
}
"""Faults after which the writes of before are still there, too."""
SERVED = {
    **NOTHING_LOST,
    "mv of a backup over it": move_over("backup"),
    "mv of a copy over it": move_over("copy"),
    "mv of a backup over it, without its log": move_over("backup", "-wal", "-shm"),
    "replaced directory": replace_directory,
    "switched link": switch_link,
    "other volume": mount_over,
    "restore": restore(),
    "rm of the main file, restore": restore(""),
    "rm, restore": restore(*ALL),
}


EITHER = {"cp of an older copy onto it": copy_onto("copy")}
"""Served if the copy has all that the file had, because the rest is in the log."""
IN_CI = {
    *("rm", "rm of the log", "mv, and back", "mv of a backup over it", "cp of a backup onto it"),
    *("truncation", "switched link", "rm, restore", "cp of an older copy onto it"),
}


@pytest.mark.usefixtures("unmount")
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=() if fault in IN_CI else pytest.mark.nightly)
        for fault in [*REFUSED, *SERVED, *EITHER]
    ],
)
def test_no_write_is_acknowledged_that_is_not_in_the_file_at_its_path(site: Site, fault: str) -> None:
    swap = {**REFUSED, **SERVED, **EITHER}[fault]
    with Writers(site.server, site.headers) as load:
        time.sleep(LOAD_SECONDS / 2)
        swap(site)
        swapped = time.monotonic()
        time.sleep(LOAD_SECONDS / 2 + 1)
        settled = time.monotonic()
        time.sleep(LOAD_SECONDS / 2)
    site.server.process.terminate()
    site.server.process.wait(20)
    stored = stored_titles(site.database)
    since = 0 if fault in NOTHING_LOST else swapped
    acknowledged = [write for write in load.writes if write.start > since and write.status == 201]
    lost = [write.title for write in acknowledged if write.title not in stored]
    statuses = Counter(write.status for write in [*load.writes, *load.reads])
    failed = statuses.total() - statuses[200] - statuses[201]
    note(f"database file: {fault}", statuses.total(), failed, len(lost), "—", "—")
    log = site.server.log.read_text()
    assert not lost, (len(lost), len(acknowledged), statuses)
    assert statuses.keys() <= {200, 201, 503}, (statuses, log)
    assert "Traceback" not in log
    last_requests = [request for request in [*load.writes, *load.reads] if request.start > settled]
    last = {request.status for request in last_requests}
    if fault in REFUSED or (fault in EITHER and 503 in last):
        assert last == {503}
        assert not [request for request in last_requests if "Try again" in request.detail]
        assert f"{site.database}" in log
    else:
        assert last == {200, 201}, (statuses, log[-3000:])


def test_another_process_may_read_and_checkpoint_and_vacuum(site: Site) -> None:
    """As Litestream and operators do."""
    with Writers(site.server, site.headers) as load, closing(sqlite3.connect(site.database, timeout=60)) as other:
        other.isolation_level, end = None, time.monotonic() + LOAD_SECONDS + 1
        while time.monotonic() < end or len(load.writes) <= 20:
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM posts").fetchall()
            other.execute("ROLLBACK")
            for mode in ("PASSIVE", "RESTART", "TRUNCATE"):
                other.execute(f"PRAGMA wal_checkpoint({mode})")
            other.execute("DELETE FROM idempotency_keys")
            other.execute("VACUUM")
    assert {request.status for request in [*load.writes, *load.reads]} == {200, 201}


def test_a_server_without_requests_does_not_prevent_others_from_using_a_database_without_its_log(
    site: Site, serve: Callable[..., Server]
) -> None:
    (site.directory / "run").mkdir()
    idle = serve(PRESSROOM_DATABASE_URL=f"sqlite:///{site.database}", PRESSROOM_RUN_DIR=str(site.directory / "run"))
    assert [idle.get_status("/posts") for _ in range(9)] == [200] * 9
    site.file("-wal").unlink()
    post = {"title": "new", "body": "b"}
    wait_until(lambda: site.server.post_json("/posts", post, site.headers)["title"] == "new")
    # A post that was refused may have been stored, too.
    titles = Counter(item["title"] for item in site.server.get_json("/posts?limit=100")["items"])
    assert titles.pop("new") >= 1
    assert titles.total() == 50


def test_nothing_is_lost_if_servers_stop_right_after_the_log_was_removed(site: Site) -> None:
    site.file("-wal").unlink()
    site.server.process.terminate()
    site.server.process.wait(20)
    assert len(stored_titles(site.database)) == 50


def test_a_restarted_worker_does_not_create_a_database_that_was_removed(site: Site) -> None:
    remove("")(site)
    workers = worker_pids(site.server)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(worker_pids(site.server)) - set(workers)) == 2)
    wait_until(lambda: site.server.log.read_text().count(f"{site.database} does not exist") >= 2)
    assert site.server.get_status("/health/live") == 200
    assert site.server.get_status("/posts") == 503
    assert not site.database.exists()
    site.pressroom("restore", site.backup, "--yes")
    assert site.server.get_status("/posts") == 200
    assert site.server.post_json("/posts", {"title": "t", "body": "b"}, site.headers)["title"] == "t"


def stored_titles(path: Path) -> set[str]:
    if not path.exists():
        return set()
    try:
        with closing(sqlite3.connect(path)) as connection:
            return {title for (title,) in connection.execute("SELECT title FROM posts")}
    except sqlite3.DatabaseError:
        return set()
