"""Transactions, migrations and what happens when the database is not there."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from api.settings import BadSetting, Settings
from api.store import posts, tokens, users
from api.store.database import HEAD, MIGRATIONS, Database
from api.store.errors import Unavailable
from api.store.sql import metadata


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
        assert len(posts.page(db, limit=100, author="ada", viewer="ada").rows) == 40


def test_the_tables_are_those_of_the_migrations(database: Database) -> None:
    with database.read() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_check_constraints_are_those_of_the_migrations(database: Database) -> None:
    with database.read() as db:
        inspector = sa.inspect(db)
        for table in metadata.tables.values():
            kept = {check["name"] for check in inspector.get_check_constraints(table.name)}
            assert kept == {check.name for check in table.constraints if isinstance(check, sa.CheckConstraint)}


def test_migrating_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    assert database.revision() == HEAD


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_many_may_migrate_at_once(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'new.sqlite'}")
    databases = [Database(settings) for _ in range(4)]
    threads = [threading.Thread(target=database.upgrade) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [database.revision() for database in databases] == [HEAD] * 4
    for database in databases:
        database.close()


def test_before_the_first_migration_there_is_none(tmp_path: Path) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'new.sqlite'}"))
    assert database.revision() is None
    database.close()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)]
)
def test_sqlite_keeps_what_it_acknowledged(house: Settings, pragma: str, value: Any) -> None:
    database = Database(house)
    with database.read() as db:
        assert db.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    database.close()


def test_a_database_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    database = Database(Settings(database_url=f"sqlite:///{tmp_path / 'nowhere' / 'new.sqlite'}"))
    with pytest.raises(Unavailable, match="does not answer"), database.read():
        pass


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://localhost/pressroom"])
def test_other_databases_are_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(BadSetting, match="write sqlite:///FILE or postgresql"):
        Database(Settings(database_url=url))


def test_a_driver_that_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(BadSetting, match=r"needs psycopg: pip install 'pressroom\[postgresql\]'"):
        Database(Settings(database_url="postgresql+psycopg://localhost/pressroom"))


def test_an_id_never_comes_back(database: Database) -> None:
    with database.write() as db:
        first = users.register(db, username="ada")
        users.remove(db, "ada", editor_id=first.id)
        assert users.register(db, username="ada").id > first.id


def test_the_cast_of_tables_is_complete() -> None:
    assert set(metadata.tables) == {users.users.name, posts.posts.name, posts.post_tags.name, tokens.tokens.name}
