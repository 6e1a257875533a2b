"""Backups with PostgreSQL's own programs, as deploy/postgresql.md has them."""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api import archive
from api.settings import Settings
from api.store import posts, users
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from api.store.posts import Post
from api.store.users import User
from tests.support.postgresql import Cluster

pytestmark = pytest.mark.heavy


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A directory for files of the server's user."""
    directory = tmp_path / "shelf"
    directory.mkdir()
    directory.chmod(0o777)
    return directory


@pytest.fixture
def cluster(tmp_path: Path, shelf: Path) -> Iterator[Cluster]:
    with Cluster.made(tmp_path / "server", archive_mode="on", archive_command=f"cp %p {shelf}/%f") as cluster:
        yield cluster


def publish(db: Connection, author: User, title: str) -> Post:
    return posts.publish(db, author_id=author.id, title=title, body="“b”", tags=["x"], published_at=None)


def content(database: Database) -> list[str]:
    with database.snapshot() as db:
        return list(archive.export(db))


def test_a_dump_is_restored_whole(cluster: Cluster, shelf: Path) -> None:
    with closing(Database(Settings(database_url=cluster.url()))) as database:
        with database.write() as db:
            ada = users.register(db, username="ada")
            before = publish(db, ada, "Before")
        kept = content(database)
        cluster.run("pg_dump", "--format=custom", f"--file={shelf}/pressroom.dump", cluster.uri())
        with database.write() as db:
            publish(db, ada, "After")
    cluster.run("createdb", f"--maintenance-db={cluster.uri('postgres')}", "restored")
    restore = ["--exit-on-error", "--single-transaction", f"--dbname={cluster.uri('restored')}"]
    cluster.run("pg_restore", *restore, shelf / "pressroom.dump")
    with closing(Database(Settings(database_url=cluster.url("restored")))) as restored:
        assert restored.revision() == HEAD
        assert content(restored) == kept
        with restored.write() as db:
            assert publish(db, ada, "After").id == before.id + 1


def test_any_moment_since_the_last_copy_is_restored(cluster: Cluster, tmp_path: Path, shelf: Path) -> None:
    copy = Cluster(
        tmp_path / "copy",
        restore_command=f"cp {shelf}/%f %p",
        hot_standby="off",  # it answers when it has come to the moment
        recovery_target_name="good",
        recovery_target_action="promote",
    )
    copy.fetch(cluster.uri())
    with closing(Database(Settings(database_url=cluster.url()))) as database:
        with database.write() as db:
            ada = users.register(db, username="ada")
            post = publish(db, ada, "Kept")
        kept = content(database)
        cluster.query("SELECT pg_create_restore_point('good')")
        with database.write() as db:
            posts.remove(db, post)
    [(last,)] = cluster.query("SELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + 30
    while not (shelf / last).exists():
        assert time.monotonic() < deadline, cluster.log
        time.sleep(0.02)
    cluster.kill()
    signal = copy.directory / "recovery.signal"
    signal.touch()
    if copy.user:
        shutil.chown(signal, copy.user)
    with copy, closing(Database(Settings(database_url=copy.url()))) as restored:
        copy.start()
        assert content(restored) == kept
