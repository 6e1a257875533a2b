"""The removal of comments with their posts and users, however many."""

from functools import partial
from typing import Any

import pytest

from api import constraints
from api.store import (
    accounts,
    comments,
    comments_content,
    likes,
    posts,
    posts_content,
    posts_removal,
    users,
    users_content,
    users_removal,
)
from api.store.comments_table import comments as table
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import NotFound, TooMuchContent, UserHasPosts
from api.store.users import User
from tests.support.rows import select_rows


def publish(db: Connection, author: User) -> int:
    return posts.publish(db, author_id=author.id, title="t", body="b", tags=[]).id


def comment(db: Connection, author: User, post_id: int, number: int = 1) -> None:
    for _ in range(number):
        comments.create(db, post_id, author=author, body="body")


def authors_of_comments(db: Connection) -> set[int]:
    return {row.author_id for row in select_rows(db, table.select())}


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comments_content, "AT_ONCE", 3)
    monkeypatch.setattr(users_content, "BATCH_SECONDS", 0)
    monkeypatch.setattr(posts_removal, "BATCH_SECONDS", 0)


@pytest.mark.parametrize("limit", [("COMMENTS_MAX_REMOVED", 2), ("CONTENT_MAX_CHARACTERS", 11)])
def test_a_post_with_too_many_comments_is_not_removed_by_a_request(
    db: Connection, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch, limit: tuple[str, int]
) -> None:
    monkeypatch.setattr(constraints, *limit)
    monkeypatch.setattr(constraints, "COMMENT_MAX_LENGTH", 4)
    post = posts.get(db, publish(db, ada), viewer=ada)
    comment(db, bob, post.id, 3)
    with pytest.raises(TooMuchContent, match=f"`pressroom posts remove {post.id}`"):
        posts.remove(db, post)
    assert posts.get(db, post.id, viewer=None) == post
    comments.remove(db, comments.get_for_update(db, 1, principal=bob))
    posts.remove(db, post)
    assert authors_of_comments(db) == set()


def test_a_user_who_publishes_while_they_are_removed_without_posts_keeps_the_comments_on_them(
    database: Database,
) -> None:
    with database.write() as db:
        ada, bob = (users.register(db, username=name) for name in ("ada", "bob"))
        post_id = publish(db, bob)
        comment(db, ada, post_id)
    posts_of_ada = list[int]()

    def transact(work: Any) -> Any:
        """Run a transaction; after that which removes a comment, publish a post and comment on it."""
        result = database.transact(work)
        if result == {"comments": 1}:
            with database.write() as db:
                posts_of_ada.append(publish(db, ada))
                comment(db, bob, posts_of_ada[-1])
        return result

    with pytest.raises(UserHasPosts):
        users_removal.remove_in_batches(transact, "ada", with_posts=False)
    with database.read() as db:
        assert [row.post_id for row in select_rows(db, table.select())] == posts_of_ada == [post_id + 1]


def test_batches_remove_a_post_with_any_number_of_comments(database: Database) -> None:
    with database.write() as db:
        ada, bob = (users.register(db, username=name) for name in ("ada", "bob"))
        removed, other = publish(db, ada), publish(db, ada)
        for post_id in (removed, other):
            comment(db, bob, post_id, 10)
    transactions = 0

    def transact(work: Any) -> Any:
        nonlocal transactions
        transactions += 1
        return database.transact(work)

    assert posts_removal.remove_in_batches(transact, removed) == {"comments": 10}
    assert transactions == 6  # four with comments, one without, and that with the post
    with database.read() as db:
        assert len(comments.page(db, other, limit=100, viewer=None).rows) == 10
        with pytest.raises(NotFound):
            comments.page(db, removed, limit=1, viewer=None)
    with pytest.raises(NotFound):
        posts_removal.remove_in_batches(database.transact, removed)


def test_a_step_deletes_comments_or_likes_of_one_post_only(db: Connection, ada: User, bob: User) -> None:
    """Those of ten posts, with the longest bodies, would take much longer than a batch."""
    for author in (ada, bob):
        post_ids = [publish(db, ada) for _ in range(2)]
        for post_id in post_ids:
            comment(db, author, post_id, 4)
            likes.add(db, post_id, user=author)
    steps = [posts_content.remove_some_comments(db, ada.id) for _ in range(9)]
    assert steps == [(3, 12), (1, 4)] * 4 + [(0, 0)]
    assert [posts_content.remove_some_likes(db, ada.id) for _ in range(5)] == [(1, 0)] * 4 + [(0, 0)]


def test_comments_by_a_user_and_on_their_posts_are_removed_with_the_user(database: Database) -> None:
    with database.write() as db:
        ada, bob = (users.register(db, username=name) for name in ("ada", "bob"))
        of_bob = publish(db, bob)
        for _ in range(25):
            post_id = publish(db, ada)
            comment(db, bob, post_id)
            comment(db, ada, post_id)
        comment(db, ada, of_bob, 7)
        comment(db, bob, of_bob)
    removed = users_removal.remove_in_batches(database.transact, "ada", with_posts=True)
    assert removed == {"comments": 32, "comments on posts": 25, "posts": 25}
    with database.read() as db:
        assert authors_of_comments(db) == {bob.id}
        assert len(comments.page(db, of_bob, limit=100, viewer=None).rows) == 1


def test_comments_count_toward_the_content_that_a_request_removes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", 4)
    with database.write() as db:
        ada, bob = (users.register(db, username=name) for name in ("ada", "bob"))
        comment(db, bob, publish(db, ada), 4)
        comment(db, ada, publish(db, bob), 5)

    def remove(db: Connection, user: User) -> None:
        users_removal.remove(db, users_removal.get_for_removal(db, user.username, principal=user), with_posts=True)

    for user in (ada, bob):
        with pytest.raises(TooMuchContent):
            database.transact(partial(remove, user=user))
    with database.read() as db:
        assert len(select_rows(db, table.select())) == 9
    monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", 10)
    database.transact(lambda db: remove(db, bob))


def test_hidden_comments_are_shown_again(db: Connection, ada: User, bob: User) -> None:
    post_id = publish(db, ada)
    comment(db, bob, post_id, 8)
    comment(db, ada, post_id)
    admin = accounts.set_role(db, "ada", "admin")
    while comments_content.hide_some(db, bob.id)[0]:
        pass
    assert [row.username for row in comments.page(db, post_id, limit=100, viewer=ada).rows] == ["ada"]
    with pytest.raises(NotFound):
        comments.get(db, 1, viewer=bob)
    assert comments.get(db, 1, viewer=admin).username == "bob"
    assert comments_content.show_some(db, bob.id) == (3, 12)
    while comments_content.show_some(db, bob.id)[0]:
        pass
    assert len(comments.page(db, post_id, limit=100, viewer=None).rows) == 9
