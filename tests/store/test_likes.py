"""Likes that are removed with users and posts."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api import constraints
from api.store import likes, posts, posts_removal, users, users_content, users_removal
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import NotFound, TooMuchContent
from api.store.users import User
from tests.support.rows import select_rows

NUMBER = 31


@pytest.fixture
def ada(database: Database) -> User:
    """ada, who likes posts of bob's."""
    with database.write() as db:
        ada, bob = (users.register(db, username=name, password_hash="hash") for name in ("ada", "bob"))
        for _ in range(NUMBER):
            post = posts.publish(db, author_id=bob.id, title="t", body="b", tags=[])
            likes.add(db, post.id, user=ada)
        likes.add(db, post.id, user=bob)
    return ada


def count(db: Connection) -> int:
    return len(select_rows(db, likes.likes.select()))


def remove(db: Connection, user: User) -> None:
    users_removal.remove(db, users_removal.lock(db, user), with_posts=False)


def test_likes_are_removed_with_their_user_up_to_a_limit(
    database: Database, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", NUMBER / 10 - 0.1)
    with pytest.raises(TooMuchContent, match="`pressroom users remove ada`"):
        database.transact(lambda db: remove(db, ada))
    with database.read() as db:
        assert count(db) == NUMBER + 1
    monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", NUMBER / 10)
    database.transact(lambda db: remove(db, ada))
    with database.read() as db:
        assert count(db) == 1


def test_batches_remove_any_number_of_likes(database: Database, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", 0)
    assert users_removal.remove_in_batches(database.transact, ada.username, with_posts=False) == {"likes": NUMBER}
    with database.read() as db:
        assert count(db) == 1


def test_a_post_is_deleted_with_its_likes_up_to_a_limit(
    database: Database, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    with database.write() as db:
        last = posts.get(db, NUMBER, viewer=users.get(db, "bob"))
        assert last.username == "bob"
        monkeypatch.setattr(constraints, "LIKES_MAX_REMOVED", 1)
        with pytest.raises(TooMuchContent, match=f"`pressroom posts remove {NUMBER}`"):
            posts.remove(db, last)
        posts.remove(db, posts.get(db, 1, viewer=ada))
    assert posts_removal.remove_in_batches(database.transact, NUMBER) == {"likes": 2}
    with database.read() as db:
        assert count(db) == NUMBER - 2


def test_likes_of_posts_are_removed_with_the_author_up_to_a_limit(
    database: Database, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    # Each post with its like; and the like by bob.
    monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", NUMBER * 1.1)
    with pytest.raises(TooMuchContent, match="`pressroom users remove bob --posts`"):
        database.transact(
            lambda db: users_removal.remove(db, users_removal.lock(db, users.get(db, "bob")), with_posts=True)
        )
    removed = users_removal.remove_in_batches(database.transact, "bob", with_posts=True)
    assert removed == {"likes": 1, "likes of posts": NUMBER, "posts": NUMBER}
    with database.read() as db:
        assert count(db) == 0


def test_a_like_of_a_post_that_another_transaction_deletes_finds_no_post(database: Database, ada: User) -> None:
    def like() -> None:
        database.transact(lambda db: likes.add(db, 1, user=ada))

    with ThreadPoolExecutor(1) as threads:
        with database.write() as db:
            posts.remove(db, posts.get(db, 1, viewer=users.get(db, "bob")))
            liked = threads.submit(like)
            with pytest.raises(TimeoutError):
                liked.result(timeout=0.1)
        with pytest.raises(NotFound, match="There is no post 1"):
            liked.result()
    with database.read() as db:
        assert count(db) == NUMBER
