"""Removal of users, alone or with their posts."""

import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store import credentials, posts_statements, tokens_use, users
from api.store.columns import now
from api.store.engine.connections import Connection, Query
from api.store.errors import Forbidden, TooManyPosts
from api.store.posts_table import posts
from api.store.principals import Principal, may_change
from api.store.queries import one
from api.store.sweeping import Transact
from api.store.users import User

BATCH_SECONDS = 0.1
"""After which a transaction removes no more posts: SQLite has one writer at a time, and the others wait."""


class _Post(NamedTuple):
    id: int
    characters: int


# No other transaction can insert a row that refers to it.
_BY_ID = Query(
    User,
    sa.select(*users.USER_COLUMNS).where(users.users.c.id == sa.bindparam("user_id")).with_for_update(),
)
# Locked, because a post that another transaction publishes must not be taken for a draft, whose removal is not stored.
_NEXT_POSTS = Query(
    _Post,
    sa.select(posts.c.id, sa.func.length(posts.c.body).label("characters"))
    .where(posts.c.author_id == sa.bindparam("author_id"))
    .order_by(posts.c.published_at, posts.c.id)
    .limit(10)
    .with_for_update(),
)
_DELETE_POST = sa.delete(posts).where(posts.c.id == sa.bindparam("old_id"))


def get_for_removal(db: Connection, username: str, *, principal: Principal) -> User:
    """Return the user, for whom nothing can be inserted until the transaction ends.

    `NotFound` if there is none, `Forbidden` if the principal may not change it.
    """
    user = users.get(db, username)
    if not may_change(principal, owner_id=user.id):
        raise Forbidden("You can change only your own account.")
    return _lock(db, user)


def remove(db: Connection, username: str) -> None:
    """Delete the user; `NotFound` if there is none, `UserHasPosts` while posts exist."""
    users.remove(db, _lock(db, users.get(db, username)))


def remove_with_posts(db: Connection, user: User) -> None:
    """Delete the user and their posts; `TooManyPosts` if that would take too long for one transaction.

    The user must be locked by `get_for_removal`.
    """
    number = characters = 0
    while rows := _next_posts(db, user):
        number += len(rows)
        characters += sum(row.characters for row in rows)
        if number > constraints.REMOVED_POSTS_MAX or characters > constraints.REMOVED_CHARACTERS_MAX:
            raise TooManyPosts(
                f"{user.username!r} has more than {constraints.REMOVED_POSTS_MAX} posts, or too long ones. Delete some "
                f"first, or have an operator of this site run `pressroom users remove {user.username} --posts`."
            )
        _remove_posts(db, rows)
    users.remove(db, user)


def remove_in_batches(transact: Transact, username: str) -> int:
    """Delete the user and any number of posts in short transactions, and return how many posts.

    The user is signed out first, so that they publish no more. Run it again if it is interrupted.
    """
    user = transact(lambda db: credentials.disable(db, username))
    removed = 0
    while batch := transact(partial(_remove_batch, user=user)):
        removed += batch
        time.sleep(BATCH_SECONDS)  # other writers of SQLite try again at intervals
    # Also what an admin has put there since.
    transact(lambda db: remove_with_posts(db, _lock(db, user)))
    return removed


def _lock(db: Connection, user: User) -> User:
    """Lock the user's tokens, then the user, in the order of other transactions."""
    tokens_use.wait_until_unused(db, user_id=user.id)
    return one(db, _BY_ID, f"There is no user {user.username!r}.", user_id=user.id)


def _remove_batch(db: Connection, *, user: User) -> int:
    removed, deadline = 0, time.monotonic() + BATCH_SECONDS
    while rows := _next_posts(db, user):
        _remove_posts(db, rows)
        removed += len(rows)
        if time.monotonic() >= deadline:
            break
    return removed


def _next_posts(db: Connection, user: User) -> Sequence[_Post]:
    return db.all(_NEXT_POSTS, author_id=user.id)


def _remove_posts(db: Connection, rows: Sequence[_Post]) -> None:
    at = now()
    db.execute_many(posts_statements.RECORD_REMOVAL, [{"read_id": row.id, "at": at} for row in rows])
    db.execute_many(_DELETE_POST, [{"old_id": row.id} for row in rows])
