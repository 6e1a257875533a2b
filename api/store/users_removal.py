"""Removal of users, alone or with their posts."""

from collections import Counter
from functools import partial

import sqlalchemy as sa

from api.store import credentials, tokens_use, users, users_content
from api.store.engine.connections import Connection, Query
from api.store.errors import Forbidden
from api.store.principals import Principal, may_change
from api.store.queries import one
from api.store.sweeping import Transact
from api.store.users import User

# No other transaction can insert a row that refers to it.
_BY_ID = Query(
    User,
    sa.select(*users.USER_COLUMNS).where(users.users.c.id == sa.bindparam("user_id")).with_for_update(),
)


def get_for_removal(db: Connection, username: str, *, principal: Principal) -> User:
    """Return the user, for whom nothing can be inserted until the transaction ends.

    `NotFound` if there is none, `Forbidden` if the principal may not change it.
    """
    user = users.get(db, username)
    if not may_change(principal, owner_id=user.id):
        raise Forbidden("You can change only your own account.")
    return lock(db, user)


def remove(db: Connection, user: User, *, with_posts: bool) -> None:
    """Delete the user and what they have, posts only `with_posts`.

    `UserHasPosts` while posts exist, `TooMuchContent` if it would take too long for one transaction. The user must be
    locked by `get_for_removal`.
    """
    if not with_posts:
        users_content.require_no_posts(db, user)
    steps, option = users_content.removals(with_posts=with_posts), " --posts" if with_posts else ""
    users_content.change_all(db, steps, user, command=f"pressroom users remove {user.username}{option}")
    users.remove(db, user)


def remove_in_batches(transact: Transact, username: str, *, with_posts: bool) -> Counter[str]:
    """Delete the user and any number of rows in short transactions, and return how many of each kind.

    `UserHasPosts` while posts exist, unless `with_posts`: then the user is signed out first, so that they publish no
    more. Run it again if it is interrupted.
    """
    if with_posts:
        user = transact(lambda db: credentials.disable(db, username))
    else:
        user = transact(partial(_get_without_posts, username=username))
    removed = users_content.change_in_batches(transact, users_content.removals(with_posts=with_posts), user)
    # Also what has been put there since.
    transact(lambda db: remove(db, lock(db, user), with_posts=with_posts))
    return removed


def lock(db: Connection, user: User) -> User:
    """Lock the user's tokens, then the user, in the order of other transactions."""
    tokens_use.wait_until_unused(db, user_id=user.id)
    return one(db, _BY_ID, f"There is no user {user.username!r}.", user_id=user.id)


def _get_without_posts(db: Connection, *, username: str) -> User:
    return users_content.require_no_posts(db, users.get(db, username))
