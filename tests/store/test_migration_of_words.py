"""The migration that indexes the words of posts, while a server of the version before reads and writes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from api import words
from api.settings import Settings
from api.store import posts_reindex, posts_search, posts_words
from api.store.engine import migrate
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from tests.support.rows import select_rows

BEFORE = "0008"
TIME = "'2026-01-31 12:00:00.000000'"
LAST_WITH_VERSIONS = "0015"
"""PostgreSQL has version numbers until then, and gives each row a revision by itself."""


@pytest.fixture
def database(unmigrated: Settings) -> Iterator[Database]:
    """A database of the version before, with a user."""
    database = Database(unmigrated)
    if database.file:
        database.file.create()
    engine = (
        database.engine if database.is_sqlite else database.engine.execution_options(isolation_level="READ COMMITTED")
    )
    while database.revision() != BEFORE:
        with engine.begin() as db:
            migrate.upgrade(db)
    with database.write() as db:
        db.execute_sql(
            f"INSERT INTO users (username, display_name, bio, {version(database)}, created_at, updated_at) "
            f"VALUES ('ada', 'ada', '', '1', {TIME}, {TIME})"
        )
    yield database
    database.close()


def version(database: Database) -> str:
    """Return the name of the column that identifies a version of a row, for a server of the version before."""
    return "revision" if database.is_sqlite else "version"


def insert(database: Database) -> str:
    """Return the start of the statement."""
    columns = f"author_id, title, body, tags, published_at, {version(database)}, created_at, updated_at"
    return f"INSERT INTO posts ({columns})"


class Server:
    """Threads that do something again and again, as a server of the version before does, until the block ends."""

    def __init__(self, *actions: Callable[[int], None]) -> None:
        self.done = [0] * len(actions)
        self.errors: list[BaseException] = []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=each) for each in enumerate(actions)]

    def __enter__(self) -> "Server":
        for thread in self._threads:
            thread.start()
        while not all(self.done) and not self.errors:
            self._stopped.wait(0.001)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, index: int, action: Callable[[int], None]) -> None:
        while not self._stopped.wait(0.001):
            try:
                action(self.done[index])
            except BaseException as error:  # noqa: BLE001 (the test reports it)
                self.errors.append(error)
                return
            self.done[index] += 1


@pytest.mark.parametrize("posts", [300, pytest.param(2_000, marks=pytest.mark.heavy)])
def test_posts_are_indexed_while_an_earlier_server_goes_on(
    database: Database, unmigrated: Settings, posts: int
) -> None:
    text = "'The loom weaves word' || i || ' of flowers and leaves, and more than that, ' || i"
    with database.write() as db:
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {posts})"
        time = TIME if database.is_sqlite else f"timestamptz {TIME}"
        db.execute_sql(
            f"{insert(database)} {numbers} SELECT 1, 't' || i, {text}, '[]', {time}, 1, {time}, {time} FROM n"
        )
    earlier = Database(unmigrated)

    @contextmanager
    def request() -> Iterator[Connection]:
        with earlier.write() as db:
            # As for a token. If the first statement after a change of the schema were one that writes to the full-text
            # index, SQLite 3.40 might find no tables: the index reads the schema again while it is compiled.
            db.execute_sql("SELECT 1 FROM users")
            yield db

    def publish(number: int) -> None:
        with request() as db:
            db.execute_sql(
                f"{insert(database)} VALUES (1, 'published{number}', 'body', '[]', {TIME}, 1, {TIME}, {TIME})"
            )

    def revise(number: int) -> None:
        with request() as db:
            db.execute_sql(f"UPDATE posts SET body = 'revised{number}' WHERE id = {1 + number * 7 % posts}")

    def remove(number: int) -> None:
        with request() as db:
            db.execute_sql(f"DELETE FROM posts WHERE id = {2 + number * 7 % (posts - 2)}")

    def read(_: int) -> None:
        with earlier.read() as db:
            db.execute_sql("SELECT title, body FROM posts ORDER BY published_at DESC, id DESC LIMIT 20")

    with Server(publish, revise, remove, read) as server:
        database.upgrade(LAST_WITH_VERSIONS if not database.is_sqlite else migrate.HEAD)
    assert server.errors == []
    database.upgrade()
    # Of what the earlier server wrote after the last batch.
    posts_reindex.run(database.transact)
    assert posts_reindex.run(database.transact) == 0
    published, revised = server.done[:2]
    with database.read() as db:
        found = {f"published{n}": posts_search.page(db, q=f"published{n}", limit=2).rows for n in range(published)}
        assert [title for title, rows in found.items() if [row.title for row in rows] != [title]] == []
        assert len(posts_search.page(db, q=f"revised{revised - 1}", limit=2).rows) <= 1
    _assert_indexed_as_stored(database)
    earlier.close()


def _assert_indexed_as_stored(database: Database) -> None:
    """Compare the index with the words of all posts."""
    columns = {"id": sa.Integer, "title": sa.Text, "body": sa.Text, "words": sa.Text}
    statement = sa.text("SELECT id, title, body, words FROM posts LEFT JOIN post_words ON post_id = id")
    with database.write() as db:
        for row in select_rows(db, statement.columns(**columns)):
            assert row.words == posts_words.marked(row.id, words.index_text(row.title, row.body))
        if database.is_sqlite:
            db.execute_sql("INSERT INTO post_search (post_search) VALUES ('integrity-check')")
