"""Removal of users, alone or with their posts."""

from collections import Counter
from functools import partial

import sqlalchemy as sa

from api.store import credentials, tokens_use, users, users_content
from api.store.change_positions import next_position, record_removal, removed_users
from api.store.columns import now
from api.store.engine.connections import Connection, Query
from api.store.errors import UserHasPosts
from api.store.principals import Principal
from api.store.queries import FOREIGN_KEY_VIOLATION, delete_if_unchanged, one, translating, unchanged_since_read
from api.store.sweeping import Transact
from api.store.users import User

# No other transaction can insert a row that refers to it.
_BY_ID = Query(
    User,
    sa.select(*users.USER_COLUMNS).where(users.users.c.id == sa.bindparam("user_id")).with_for_update(),
)
_RECORD_REMOVAL = record_removal(
    removed_users,
    ["username"],
    sa.select(
        users.users.c.username,
        users.users.c.id,
        next_position("users"),
        sa.bindparam("at", type_=removed_users.c.removed_at.type),
    ).where(users.users.c.id == sa.bindparam("read_id")),
)
_DELETE = sa.delete(users.users).where(unchanged_since_read(users.users))


def get_for_removal(db: Connection, username: str, *, principal: Principal) -> User:
    """Return the user, for whom nothing can be inserted until the transaction ends.

    `NotFound` if there is none, `Forbidden` if the principal may not change it.
    """
    return lock(db, users.require_change_allowed(users.get(db, username), principal))


def remove(db: Connection, user: User, *, with_posts: bool) -> None:
    """Delete the user and what they have, posts only `with_posts`.

    `UserHasPosts` while posts exist, `TooMuchContent` if it would take too long for one transaction. The user must be
    locked by `get_for_removal`.
    """
    _require_removable(db, user, with_posts=with_posts)
    steps, option = users_content.removals(with_posts=with_posts), " --posts" if with_posts else ""
    users_content.change_all(db, steps, user, command=f"pressroom users remove {user.username}{option}")
    delete(db, user)


def remove_in_batches(transact: Transact, username: str, *, with_posts: bool) -> Counter[str]:
    """Delete the user and any number of rows in short transactions, and return how many of each kind.

    `UserHasPosts` while posts exist, unless `with_posts`. The user is signed out first, so that they publish no more;
    each transaction looks for posts that an admin has published for them. Run it again if it is interrupted.
    """
    user = transact(partial(_sign_out, username=username, with_posts=with_posts))
    check = partial(_lock, user=user, with_posts=with_posts)
    steps = users_content.removals(with_posts=with_posts)
    removed = users_content.change_in_batches(transact, steps, user, check=check)
    # Also what has been put there since.
    transact(lambda db: remove(db, lock(db, user), with_posts=with_posts))
    return removed


def delete(db: Connection, user: User) -> None:
    """Delete the user and their tokens; `UserHasPosts` while posts exist, `PreconditionFailed` if out of date."""
    posts_exist = UserHasPosts(f"{user.username!r} still has posts or drafts: delete them, or use `?posts=remove`.")
    with translating(FOREIGN_KEY_VIOLATION, posts_exist):
        db.execute(_RECORD_REMOVAL, read_id=user.id, at=now())
        delete_if_unchanged(db, _DELETE, user)


def lock(db: Connection, user: User) -> User:
    """Lock the user's tokens, then the user, in the order of other transactions."""
    tokens_use.wait_until_unused(db, user_id=user.id)
    return one(db, _BY_ID, users.not_found(user.username), user_id=user.id)


def _sign_out(db: Connection, *, username: str, with_posts: bool) -> User:
    user = credentials.disable(db, username)
    _require_removable(db, user, with_posts=with_posts)
    return user


def _lock(db: Connection, *, user: User, with_posts: bool) -> None:
    _require_removable(db, lock(db, user), with_posts=with_posts)


def _require_removable(db: Connection, user: User, *, with_posts: bool) -> None:
    if not with_posts:
        users_content.require_no_posts(db, user)
