"""Migrations of databases that have rows."""

import hashlib
import itertools
import json
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from api.constraints import IMPORTED_ID_MAX
from api.json import dumps
from api.schemas.posts import Post
from api.settings import Settings
from api.store import idempotency, posts, posts_lists, tokens_use, users
from api.store.columns import now
from api.store.engine import migrate
from api.store.engine.connections import Query
from api.store.engine.database import Database
from tests.support.rows import select_rows

TIMESTAMP = "2026-01-31 12:00:00.000000"
BEFORE_AUTHORS, BEFORE_REVISIONS, BEFORE_SCOPES = "0004", "0007", "0009"


class Statement(NamedTuple):
    query: str


WAITING = Query(
    Statement,
    sa.text("SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'").columns(query=sa.Text),
)


@pytest.fixture
def database(unmigrated: Settings, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database at the migration before authors were in the index of tags, with twelve posts and one deleted."""
    database = Database(unmigrated)
    if database.file:
        database.file.create()
    engine = (
        database.engine if database.is_sqlite else database.engine.execution_options(isolation_level="READ COMMITTED")
    )
    while database.revision() != BEFORE_AUTHORS:
        with engine.begin() as db:
            migrate.upgrade(db)
    with engine.begin() as db:
        for name in ("ada", "bob"):
            db.execute(
                sa.text(
                    "INSERT INTO users (username, display_name, bio, version, created_at, updated_at) "
                    f"VALUES ('{name}', '{name}', '', 1, '{TIMESTAMP}', '{TIMESTAMP}')"
                )
            )
        db.execute(
            sa.text(
                "INSERT INTO tokens (user_id, name, sha256, created_at, expires_at) "
                f"VALUES (1, 'laptop', :sha256, '{TIMESTAMP}', '4000-01-31 12:00:00.000000')"
            ).bindparams(sa.bindparam("sha256", bytes(32), sa.LargeBinary))
        )
        for number in range(1, 14):
            db.execute(
                sa.text(
                    "INSERT INTO posts (author_id, title, body, tags, published_at, version, created_at, updated_at) "
                    f"VALUES ({number % 2 + 1}, 't{number}', 'b{number}', '[\"x\"]', '{TIMESTAMP}', 1, "
                    f"'{TIMESTAMP}', '{TIMESTAMP}')"
                )
            )
            db.execute(
                sa.text(f"INSERT INTO post_tags (post_id, tag, published_at) VALUES ({number}, 'x', '{TIMESTAMP}')")
            )
        db.execute(sa.text("DELETE FROM post_tags WHERE post_id = 13"))
        db.execute(sa.text("DELETE FROM posts WHERE id = 13"))
    yield database
    database.close()


def check(database: Database) -> None:
    """Assert that all posts are there, with their tags and distinct revisions, and that ids are not used again."""
    with database.write() as db:
        for table, count in (("users", 2), ("posts", 12)):
            statement = sa.text(f"SELECT revision FROM {table}").columns(revision=sa.Text)
            revisions = {row.revision for row in select_rows(db, statement)}
            assert len(revisions) == count
            assert all(re.fullmatch("(?!0{16})[0-9a-f]{16}", revision) for revision in revisions)
        rows: Sequence[Any] = posts_lists.page(db, limit=100, expand="body", tag="x").rows
        assert [(row.id, row.title, row.body) for row in rows] == [(n, f"t{n}", f"b{n}") for n in range(12, 0, -1)]
        assert all((row.slug, row.metadata) == (None, {}) for row in rows)
        for number, name in ((1, "bob"), (2, "ada")):
            found = posts_lists.page(db, limit=100, author=name, tag="x").rows
            assert [row.id for row in found] == [n for n in range(12, 0, -1) if n % 2 == number % 2]
        ada = users.get(db, "ada")
        user = tokens_use.find_user(db, bytes(32))
        assert user
        assert (user.username, user.scope, user.role) == ("ada", "write", "member")
        post = posts.publish(db, author_id=ada.id, title="t", body="b", tags=["x"])
        assert post.id == 14
        posts.remove(db, posts.get_for_update(db, 12, principal=ada))
        assert len(select_rows(db, sa.text("SELECT tag FROM post_tags").columns(tag=sa.Text))) == 12


def test_authors_are_added_to_the_tags_of_existing_posts(database: Database) -> None:
    database.upgrade()
    check(database)


def test_responses_that_0_1_0_stored_get_the_properties_that_posts_have_since(database: Database) -> None:
    post = {
        "id": 3,
        "title": "t3",
        "body": "b3",
        "tags": ["x"],
        "author": {"username": "bob"},
        **dict.fromkeys(("published_at", "created_at", "updated_at"), "2026-01-31T12:00:00Z"),
        "url": "/posts/3",
    }
    deleted = {**post, "id": 13}
    claimed = {"fingerprint": bytes(32), "created_at": now()}
    headers = [["Content-Type", "application/json"], ["Content-Length", "7"], ["ETag", '"1"']]
    with database.engine.begin() as connection:
        insert = sa.insert(idempotency.keys)
        for key, content in (("stored", post), ("deleted", deleted)):
            stored = {"status": 201, "headers": headers, "body": dumps(content)}
            connection.execute(insert.values(user_id=2, key=key, **claimed, **stored))
        connection.execute(insert.values(user_id=1, key="in progress", **claimed))
    database.upgrade()
    with database.write() as db:
        revision = posts.get(db, 3, viewer=None).revision
        for key, content, expected in (("stored", post, revision), ("deleted", deleted, "0" * 16)):
            found = idempotency.claim(db, user_id=2, key=key, fingerprint=bytes(32))
            assert found
            added: dict[str, Any] = {"slug": None, "metadata": {}, "comments": "open", "revision": expected}
            assert json.loads(found.body) == {**content, **added}
            assert [*json.loads(found.body)] == [name for name in Post().fields if name != "html"]
            etag = f'"{expected}.{hashlib.sha256(found.body).hexdigest()[:32]}"'
            length = str(len(found.body))
            assert [value for _, value in found.headers] == ["application/json", length, etag]


def test_a_migration_takes_no_longer_for_a_high_id(database: Database) -> None:
    """An import keeps ids up to 2**52, and PostgreSQL changes rows in batches of ids."""
    if database.is_sqlite:
        pytest.skip("SQLite builds the table again")
    with database.write() as db:
        db.execute_sql("DELETE FROM post_tags WHERE post_id = 12")
        db.execute_sql(f"UPDATE posts SET id = {IMPORTED_ID_MAX} WHERE id = 12")
        db.execute_sql(
            f"INSERT INTO post_tags (post_id, tag, published_at) VALUES ({IMPORTED_ID_MAX}, 'x', '{TIMESTAMP}')"
        )
    numbers = itertools.count()

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def limit(*_: object) -> None:
        assert next(numbers) < 1_000

    database.upgrade()
    with database.write() as db:
        post = posts.get_for_update(db, IMPORTED_ID_MAX, principal=users.get(db, "ada"))
        assert re.fullmatch("[0-9a-f]{16}", post.revision)
        assert post.id in {row.id for row in posts_lists.page(db, limit=100, author=post.username, tag="x").rows}


def test_a_database_with_posts_can_be_migrated_by_many_processes(database: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        for migration in [threads.submit(database.upgrade) for _ in range(4)]:
            migration.result()
    check(database)


def test_reads_and_writes_go_on_while_postgresql_migrates(database: Database) -> None:
    """A reader's open transaction keeps the migration from building the index; others are not kept waiting by it."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    migration = threading.Thread(target=database.upgrade)
    with database.write() as reading:
        reading.execute_sql("SELECT 1 FROM users")
        with database.snapshot() as snapshot:
            snapshot.execute_sql("SELECT 1 FROM users")
            migration.start()
            while not _is_waiting(database, "CREATE INDEX CONCURRENTLY"):
                assert migration.is_alive()
            with database.write() as db:
                db.execute_sql("SET LOCAL lock_timeout = 1000")
                db.execute_sql("INSERT INTO post_tags (post_id, tag, published_at) VALUES (1, 'y', now())")
                db.execute_sql("SELECT count(*) FROM post_tags JOIN posts ON posts.id = post_id")
                db.execute_sql("DELETE FROM post_tags WHERE tag = 'y'")
    migration.join()
    check(database)


def test_a_server_of_the_version_before_goes_on_while_postgresql_gets_revisions(database: Database) -> None:
    """A trigger keeps the migration waiting while it writes the revisions."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    while database.revision() != BEFORE_REVISIONS:
        with database.engine.execution_options(isolation_level="READ COMMITTED").begin() as db:
            migrate.upgrade(db)
    with database.write() as db:
        db.execute_sql(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$"
        )
        db.execute_sql(
            "CREATE TRIGGER wait BEFORE UPDATE ON posts FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION wait()"
        )
    migration = threading.Thread(target=database.upgrade)
    with database.write() as locking:
        locking.execute_sql("SELECT pg_advisory_xact_lock(1)")
        migration.start()
        while not _is_waiting(database, "UPDATE posts SET revision"):
            assert migration.is_alive()
        with database.write() as db:
            db.execute_sql("SET LOCAL lock_timeout = 1000")
            db.execute_sql("DELETE FROM posts WHERE id = 12")
            db.execute_sql(
                "INSERT INTO posts (id, author_id, title, body, tags, published_at, version, created_at, updated_at) "
                f"VALUES (12, 1, 't12', 'b12', '[\"x\"]', '{TIMESTAMP}', 1, '{TIMESTAMP}', '{TIMESTAMP}')"
            )
            db.execute_sql(f"INSERT INTO post_tags (post_id, tag, published_at) VALUES (12, 'x', '{TIMESTAMP}')")
            db.execute_sql("UPDATE posts SET version = version + 1 WHERE id = 2")
    migration.join()
    check(database)


@pytest.mark.heavy
def test_requests_do_not_wait_behind_a_migration_that_waits_for_a_long_transaction(database: Database) -> None:
    """Such as that of a dump of the database, which has read the table that the migration alters."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    while database.revision() != BEFORE_SCOPES:
        with database.engine.execution_options(isolation_level="READ COMMITTED").begin() as db:
            migrate.upgrade(db)
    migration = threading.Thread(target=database.upgrade)
    with database.snapshot() as dump:
        dump.execute_sql("SELECT 1 FROM tokens")
        migration.start()
        for _ in range(2):
            while not _is_waiting(database, "ALTER TABLE tokens"):
                assert migration.is_alive()
            with database.write() as db:
                db.execute_sql("SET LOCAL lock_timeout = 3000")
                db.execute_sql("UPDATE tokens SET last_used_at = now()")
    migration.join()
    check(database)


def _is_waiting(database: Database, statement: str) -> bool:
    """Return whether the migration executes such a statement, and waits for other transactions."""
    with database.read() as db:
        return any(statement in row.query for row in db.all(WAITING))
