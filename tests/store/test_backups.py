"""Backups with PostgreSQL's own programs, as `deploy/postgresql.md` describes them."""

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
from api.store.posts_table import Post
from api.store.users import User
from tests.support.postgresql import Cluster

pytestmark = pytest.mark.heavy


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """A directory to which the server's user can write."""
    directory = tmp_path / "backups"
    directory.mkdir()
    directory.chmod(0o777)
    return directory


@pytest.fixture
def cluster(tmp_path: Path, backups: Path) -> Iterator[Cluster]:
    with Cluster.create(tmp_path / "server", archive_mode="on", archive_command=f"cp %p {backups}/%f") as cluster:
        yield cluster


def publish(db: Connection, author: User, title: str) -> Post:
    return posts.publish(db, author_id=author.id, title=title, body="“b”", tags=["x"], published_at=None)


def content(database: Database) -> list[bytes]:
    with database.snapshot() as db:
        return list(archive.export(db))


def test_a_dump_restores_all_content(cluster: Cluster, backups: Path) -> None:
    with closing(Database(Settings(database_url=cluster.url()))) as database:
        with database.write() as db:
            ada = users.register(db, username="ada")
            before = publish(db, ada, "Before")
        expected = content(database)
        cluster.run("pg_dump", "--format=custom", f"--file={backups}/pressroom.dump", cluster.uri())
        with database.write() as db:
            publish(db, ada, "After")
    cluster.run("createdb", f"--maintenance-db={cluster.uri('postgres')}", "restored")
    restore = ["--exit-on-error", "--single-transaction", f"--dbname={cluster.uri('restored')}"]
    cluster.run("pg_restore", *restore, backups / "pressroom.dump")
    with closing(Database(Settings(database_url=cluster.url("restored")))) as restored:
        assert restored.revision() == HEAD
        assert content(restored) == expected
        with restored.write() as db:
            assert publish(db, ada, "After").id == before.id + 1


def test_recovery_stops_at_the_restore_point(cluster: Cluster, tmp_path: Path, backups: Path) -> None:
    copy = Cluster(
        tmp_path / "copy",
        restore_command=f"cp {backups}/%f %p",
        hot_standby="off",  # so that it accepts connections only after recovery
        recovery_target_name="good",
        recovery_target_action="promote",
    )
    copy.base_backup(cluster.uri())
    with closing(Database(Settings(database_url=cluster.url()))) as database:
        with database.write() as db:
            ada = users.register(db, username="ada")
            post = publish(db, ada, "Before")
        expected = content(database)
        cluster.query("SELECT pg_create_restore_point('good')")
        with database.write() as db:
            posts.remove(db, post)
    [(last,)] = cluster.query("SELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + 30
    while not (backups / last).exists():
        assert time.monotonic() < deadline, cluster.log
        time.sleep(0.02)
    cluster.kill()
    signal = copy.directory / "recovery.signal"
    signal.touch()
    if copy.user:
        shutil.chown(signal, copy.user)
    with copy, closing(Database(Settings(database_url=copy.url()))) as restored:
        copy.start()
        assert content(restored) == expected
