"""PostgreSQL behind pgbouncer, where each transaction may run on another server connection."""

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
from tests.support.postgresql import Cluster
from tests.support.sockets import free_port

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
# As in deploy/postgresql.md.
ROLE = """
CREATE ROLE app LOGIN;
ALTER ROLE app SET lock_timeout = '5s';
ALTER ROLE app SET statement_timeout = '10s';
CREATE DATABASE app OWNER app;
ALTER DATABASE app SET timezone = 'Asia/Tokyo';
"""

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt-get install pgbouncer")


@pytest.fixture(scope="module")
def pgbouncer_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings for a database without tables, with the time zone of Tokyo, through pgbouncer."""
    directory = tmp_path_factory.mktemp("pgbouncer")
    with Cluster.create(directory / "server") as cluster:
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
        wait_until_it_accepts(url)
        yield Settings(database_url=url, pgbouncer="on", threads=CLIENTS)
        process.kill()
        process.wait()


def wait_until_it_accepts(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with suppress(psycopg.OperationalError), psycopg.connect(url.replace("+psycopg", "")):
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def database(pgbouncer_settings: Settings) -> Iterator[Database]:
    database = Database(pgbouncer_settings)
    database.upgrade()
    yield database
    database.close()


def test_more_clients_than_server_connections_can_read_and_write(database: Database) -> None:
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


def test_the_role_sets_a_lock_timeout_and_a_statement_timeout(database: Database) -> None:
    with database.engine.connect() as db:
        assert db.scalar(sa.text("SHOW lock_timeout")) == "5s"
        assert db.scalar(sa.text("SHOW statement_timeout")) == "10s"


def test_connections_without_the_pgbouncer_setting_are_rejected(pgbouncer_settings: Settings) -> None:
    database = Database(replace(pgbouncer_settings, pgbouncer="off"))
    with pytest.raises(Unavailable) as error, database.read():
        pass
    assert "unsupported startup parameter: options" in str(error.value.__cause__)


def test_prepared_statements_would_collide_on_a_shared_server_connection(pgbouncer_settings: Settings) -> None:
    url = pgbouncer_settings.database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as other:
        one.execute("SELECT 1", prepare=True)
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            other.execute("SELECT 1", prepare=True)
