"""Comments that are written while their post is closed, unpublished or deleted by another transaction."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.store import comments, posts, users
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import CommentsClosed, NotFound
from api.store.posts_table import Post
from api.store.users import User


@pytest.fixture
def people(database: Database) -> tuple[User, User]:
    with database.write() as db:
        ada, bob = (users.register(db, username=name) for name in ("ada", "bob"))
        posts.publish(db, author_id=ada.id, title="t", body="b", tags=[])
    return ada, bob


def close(db: Connection, post: Post) -> None:
    posts.revise(db, post, comments="closed")


def unpublish(db: Connection, post: Post) -> None:
    posts.revise(db, post, published_at=None)


@pytest.mark.parametrize(
    ("change", "error"), [(close, CommentsClosed), (unpublish, NotFound), (posts.remove, NotFound)]
)
def test_a_comment_waits_for_a_change_of_its_post(
    database: Database, people: tuple[User, User], change: Callable[[Connection, Post], Any], error: type[Exception]
) -> None:
    ada, bob = people
    with ThreadPoolExecutor(1) as threads:
        with database.write() as db:
            change(db, posts.get_for_update(db, 1, principal=ada))
            writing = threads.submit(database.transact, lambda other: comments.create(other, 1, author=bob, body="b"))
            with pytest.raises(TimeoutError):
                writing.result(0.3)
        with pytest.raises(error):
            writing.result()


@pytest.mark.parametrize("change", [close, unpublish, posts.remove])
def test_a_change_of_a_post_waits_for_a_comment_on_it(
    database: Database, people: tuple[User, User], change: Callable[[Connection, Post], Any]
) -> None:
    ada, bob = people

    def change_post(db: Connection) -> None:
        change(db, posts.get_for_update(db, 1, principal=ada))

    with ThreadPoolExecutor(1) as threads:
        with database.write() as db:
            comments.create(db, 1, author=bob, body="b")
            changing = threads.submit(database.transact, change_post)
            with pytest.raises(TimeoutError):
                changing.result(0.3)
        changing.result()
    with database.read() as db:
        if change is posts.remove:
            with pytest.raises(NotFound):
                comments.page(db, 1, limit=1, viewer=ada)
        else:
            assert len(comments.page(db, 1, limit=1, viewer=ada).rows) == 1


def test_comments_on_one_post_do_not_wait_for_each_other(database: Database, people: tuple[User, User]) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    ada, bob = people
    with database.write() as first, database.write() as second:
        comments.create(first, 1, author=ada, body="b")
        comments.create(second, 1, author=bob, body="b")
