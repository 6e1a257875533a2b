"""Follows in the database."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from api import constraints
from api.settings import Settings
from api.store import follows, posts, suspensions, users, users_removal
from api.store.engine.connections import Connection, Query
from api.store.engine.database import Database
from api.store.errors import FollowsOneself, NotFound, TooManyFollowed, TooMuchContent
from api.store.follows import FollowingUser
from api.store.users import User


class Waiting(NamedTuple):
    pid: int


WAITING = Query(
    Waiting,
    sa.text("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").columns(
        pid=sa.Integer
    ),
)


def followed_by(db: Connection, username: str, **page: Any) -> list[str]:
    return [row.username for row in follows.following(db, username, **{"limit": 100, **page}).rows]


def register(db: Connection, number: int) -> list[User]:
    return [users.register(db, username=f"user-{index}") for index in range(number)]


def fill(db: Connection, follower: User, others: Sequence[User]) -> None:
    for other in others:
        follows.add(db, other.username, follower_id=follower.id)


def test_follows_are_listed_newest_first_in_both_directions(db: Connection, ada: User) -> None:
    others = register(db, 5)
    fill(db, ada, others)
    for other in others:
        follows.add(db, "ada", follower_id=other.id)
    names = [other.username for other in reversed(others)]
    for list_page in (follows.followers, follows.following):
        first = list_page(db, "ada", limit=3)
        last = list_page(db, "ada", limit=3, cursor=first.next_cursor)
        assert [row.username for row in (*first.rows, *last.rows)] == names
        assert last.next_cursor is None


def test_following_again_changes_nothing(db: Connection, ada: User, bob: User) -> None:
    follows.add(db, "bob", follower_id=ada.id)
    followed = follows.get(db, "bob", follower_id=ada.id)
    assert followed == FollowingUser(bob.id, "bob", "bob", followed.followed_at)
    follows.add(db, "bob", follower_id=ada.id)
    assert follows.get(db, "bob", follower_id=ada.id) == followed


def test_users_cannot_follow_themselves_or_unknown_users(db: Connection, ada: User) -> None:
    with pytest.raises(FollowsOneself):
        follows.add(db, "ada", follower_id=ada.id)
    for work in (follows.add, follows.remove, follows.get):
        with pytest.raises(NotFound):
            work(db, "eve", follower_id=ada.id)
    for list_page in (follows.followers, follows.following):
        assert list_page(db, "ada", limit=1).rows == []
        with pytest.raises(NotFound):
            list_page(db, "eve", limit=1)


def test_unfollowing_twice_changes_nothing(db: Connection, ada: User, bob: User) -> None:
    follows.add(db, "bob", follower_id=ada.id)
    for _ in range(2):
        follows.remove(db, "bob", follower_id=ada.id)
        with pytest.raises(NotFound, match="You do not follow"):
            follows.get(db, "bob", follower_id=ada.id)


def test_a_removed_user_neither_follows_nor_is_followed(db: Connection, ada: User, bob: User) -> None:
    for follower, followed in ((ada, bob), (bob, ada)):
        follows.add(db, followed.username, follower_id=follower.id)
    users_removal.delete(db, bob)
    assert follows.followers(db, "ada", limit=1).rows == follows.following(db, "ada", limit=1).rows == []


def test_a_user_follows_a_bounded_number_of_users(db: Connection, ada: User) -> None:
    *others, last = register(db, constraints.FOLLOWED_MAX_ITEMS + 1)
    fill(db, ada, others)
    with pytest.raises(TooManyFollowed, match="You follow 500 users"):
        follows.add(db, last.username, follower_id=ada.id)
    follows.add(db, others[0].username, follower_id=ada.id)  # as before
    follows.remove(db, others[0].username, follower_id=ada.id)
    follows.add(db, last.username, follower_id=ada.id)
    assert followed_by(db, "ada")[0] == last.username


def test_a_suspended_user_counts_toward_the_limit_and_can_be_unfollowed(db: Connection, ada: User) -> None:
    """The suspension may end: then the user would follow too many."""
    *others, last = register(db, constraints.FOLLOWED_MAX_ITEMS + 1)
    fill(db, ada, others)
    suspensions.suspend(db, others[0].username)
    assert others[0].username not in followed_by(db, "ada")
    with pytest.raises(TooManyFollowed):
        follows.add(db, last.username, follower_id=ada.id)
    follows.remove(db, others[0].username, follower_id=ada.id)
    follows.add(db, last.username, follower_id=ada.id)


def test_concurrent_follows_do_not_exceed_the_limit(database: Database) -> None:
    with database.write() as db:
        ada, *others = register(db, constraints.FOLLOWED_MAX_ITEMS + 8)
        fill(db, ada, others[: constraints.FOLLOWED_MAX_ITEMS - 3])

    def follow(other: User) -> bool:
        try:
            database.transact(partial(follows.add, username=other.username, follower_id=ada.id))
        except TooManyFollowed:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        followed = [*threads.map(follow, others[constraints.FOLLOWED_MAX_ITEMS - 3 :])]
    assert sorted(followed) == [False] * 7 + [True] * 3


def test_the_follows_of_a_user_are_counted_one_by_one(postgresql_url: str) -> None:
    """On PostgreSQL only, because SQLite has one writer at a time."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        ada, *others, last, too_many = register(db, constraints.FOLLOWED_MAX_ITEMS + 2)
        fill(db, ada, others)
    with ThreadPoolExecutor(1) as threads:
        with database.write() as db:
            follows.add(db, last.username, follower_id=ada.id)
            work = partial(follows.add, username=too_many.username, follower_id=ada.id)
            following = threads.submit(database.transact, work)
            with database.read() as other:
                while not other.all(WAITING):
                    assert not following.done()
        with pytest.raises(TooManyFollowed):
            following.result()
    database.close()


def test_users_follow_each_other_at_the_same_time(database: Database) -> None:
    """Each transaction holds the lock of its own user, and needs the row of the other one."""
    with database.write() as db:
        group = register(db, 8)

    def follow_all(user: User) -> None:
        for other in group:
            if other != user:
                database.transact(partial(follows.add, username=other.username, follower_id=user.id))

    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(follow_all, group)] == [None] * 8
    with database.read() as db:
        for user in group:
            expected = {other.username for other in group} - {user.username}
            assert {row.username for row in follows.followers(db, user.username, limit=100).rows} == expected
            assert set(followed_by(db, user.username)) == expected


def test_a_user_who_is_removed_at_the_same_time_is_not_followed(postgresql_url: str) -> None:
    """On PostgreSQL only, because SQLite has one writer at a time."""
    database = Database(Settings(database_url=postgresql_url))
    with database.write() as db:
        ada, bob = users.register(db, username="ada"), users.register(db, username="bob")
    with ThreadPoolExecutor(1) as threads:
        with database.write() as db:
            users_removal.delete(db, bob)
            following = threads.submit(database.transact, partial(follows.add, username="bob", follower_id=ada.id))
            with database.read() as other:
                while not other.all(WAITING):
                    assert not following.done()
        with pytest.raises(NotFound, match="There is no user 'bob'"):
            following.result()
    database.close()


def test_followers_of_a_user_can_be_added_while_the_user_publishes_and_follows(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    with database.write() as db:
        ada, bob, eve = register(db, 3)
    with database.write() as db:
        follows.add(db, bob.username, follower_id=ada.id)
        with database.write() as other:
            other.execute_sql("SET LOCAL lock_timeout = 1000")
            follows.add(other, ada.username, follower_id=eve.id)
            posts.publish(other, author_id=ada.id, title="t", body="b", tags=[])


def test_follows_of_a_removed_user_count_toward_the_limit_of_one_request(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as db:
        ada, *others = register(db, 4)
        fill(db, ada, others)
        for other in others:
            follows.add(db, ada.username, follower_id=other.id)
    monkeypatch.setattr(constraints, "CONTENT_MAX_POSTS", 0.5)
    with pytest.raises(TooMuchContent, match=f"`pressroom users remove {ada.username}`"), database.write() as db:
        users_removal.remove(db, users_removal.lock(db, ada), with_posts=False)
    with database.read() as db:
        assert len(followed_by(db, ada.username)) == 3
    assert users_removal.remove_in_batches(database.transact, ada.username, with_posts=False) == {"follows": 6}
