"""The migration that indexes the words of posts, while a server of the version before reads and writes."""

import threading
from collections.abc import Callable, Iterator

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
INSERT = "INSERT INTO posts (author_id, title, body, tags, published_at, revision, created_at, updated_at)"


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
            "INSERT INTO users (username, display_name, bio, revision, created_at, updated_at) "
            f"VALUES ('ada', 'ada', '', '0123456789abcdef', {TIME}, {TIME})"
        )
    yield database
    database.close()


def insert(db: Connection, title: str, body: str) -> None:
    db.execute_sql(f"{INSERT} VALUES (1, '{title}', '{body}', '[]', {TIME}, '0123456789abcdef', {TIME}, {TIME})")


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
            f"{INSERT} {numbers} SELECT 1, 't' || i, {text}, '[]', {time}, '0123456789abcdef', {time}, {time} FROM n"
        )
    earlier = Database(unmigrated)

    def publish(number: int) -> None:
        with earlier.write() as db:
            insert(db, f"published{number}", "body")

    def revise(number: int) -> None:
        with earlier.write() as db:
            db.execute_sql(f"UPDATE posts SET body = 'revised{number}' WHERE id = {1 + number * 7 % posts}")

    def remove(number: int) -> None:
        with earlier.write() as db:
            db.execute_sql(f"DELETE FROM posts WHERE id = {2 + number * 7 % (posts - 2)}")

    def read(_: int) -> None:
        with earlier.read() as db:
            db.execute_sql("SELECT title, body FROM posts ORDER BY published_at DESC, id DESC LIMIT 20")

    with Server(publish, revise, remove, read) as server:
        database.upgrade()
    assert server.errors == []
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
