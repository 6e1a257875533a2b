"""PostgreSQL behind pgbouncer, whose next transaction may come to another server."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa

from api.settings import Settings
from api.store import posts, users
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD
from api.store.errors import Unavailable
from tests.support.postgresql import Cluster, free_port

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
SERVERS, CLIENTS = 2, 8
CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = {servers}
"""
# As deploy/postgresql.md has it.
ROLE = """
CREATE ROLE app LOGIN;
ALTER ROLE app SET lock_timeout = '5s';
ALTER ROLE app SET statement_timeout = '10s';
CREATE DATABASE app OWNER app;
ALTER DATABASE app SET timezone = 'Asia/Tokyo';
"""

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no pgbouncer: apt-get install pgbouncer")


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with a database without tables, in the far east, by way of pgbouncer."""
    directory = tmp_path_factory.mktemp("pgbouncer")
    with Cluster.made(directory / "server") as cluster:
        for line in ROLE.strip().splitlines():
            cluster.query(line)
        port = free_port()
        (directory / "users").write_text('"app" ""\n')
        configuration = CONFIGURATION.format(server=cluster.port, port=port, directory=directory, servers=SERVERS)
        (directory / "pgbouncer.ini").write_text(configuration)
        process = subprocess.Popen(
            [str(PROGRAM), "--quiet", directory / "pgbouncer.ini"], user=cluster.user, stderr=subprocess.DEVNULL
        )
        url = f"postgresql+psycopg://app@127.0.0.1:{port}/app"
        wait(url)
        yield Settings(database_url=url, pgbouncer="on", threads=CLIENTS)
        process.kill()
        process.wait()


def wait(url: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        with suppress(psycopg.OperationalError), psycopg.connect(url.replace("+psycopg", "")):
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def database(behind: Settings) -> Iterator[Database]:
    database = Database(behind)
    database.upgrade()
    yield database
    database.close()


def test_more_clients_than_servers_write_and_read(database: Database) -> None:
    def work(client: int) -> None:
        with database.write() as db:
            author = users.register(db, username=f"ada{client}")
        for _ in range(20):
            with database.write() as db:
                draft = posts.publish(db, author_id=author.id, title="t", body="b", tags=["x"], published_at=None)
            with database.read() as db:
                assert posts.get(db, draft.id, viewer=author) == draft
            assert draft.created_at.utcoffset() == timedelta(0)
            assert draft.published_at is None

    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(work, range(CLIENTS)))
    assert database.revision() == HEAD


def test_the_role_has_the_limits(database: Database) -> None:
    with database.engine.connect() as db:
        assert db.scalar(sa.text("SHOW lock_timeout")) == "5s"
        assert db.scalar(sa.text("SHOW statement_timeout")) == "10s"


def test_without_the_setting_there_is_no_connection(behind: Settings) -> None:
    database = Database(replace(behind, pgbouncer="off"))
    with pytest.raises(Unavailable) as refusal, database.read():
        pass
    assert "unsupported startup parameter: options" in str(refusal.value.__cause__)


def test_statements_that_are_prepared_would_meet_those_of_others(behind: Settings) -> None:
    url = behind.database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as other:
        one.execute("SELECT 1", prepare=True)
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            other.execute("SELECT 1", prepare=True)
