"""SQL to export and import follows."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store import follows as stored
from api.store.engine.connections import Connection, Query
from api.store.errors import TooManyFollowed
from api.store.follows import follows
from api.store.users import User, users

FOLLOWS_PER_QUERY = 1_000


class ArchivedFollow(NamedTuple):
    """A follow in an archive: `user` follows `followed`."""

    user: str
    followed: str
    followed_at: datetime


class _Follow(NamedTuple):
    user: str
    followed: str
    followed_at: datetime
    follower_id: int
    followed_id: int
    suspended_at: datetime | None
    """Of the followed user."""


_FOLLOWED = users.alias("followed_users")
_FOLLOWS = (
    sa.select(
        users.c.username.label("user"),
        _FOLLOWED.c.username.label("followed"),
        follows.c.followed_at,
        follows.c.follower_id,
        follows.c.followed_id,
        _FOLLOWED.c.suspended_at,
    )
    .join_from(follows, users, users.c.id == follows.c.follower_id)
    .join(_FOLLOWED, _FOLLOWED.c.id == follows.c.followed_id)
    .order_by(follows.c.follower_id, follows.c.followed_id)
    .limit(FOLLOWS_PER_QUERY)
)
_LAST_FOLLOWED_ID = sa.bindparam("last_followed_id", type_=follows.c.followed_id.type)
_NEXT = Query(
    _Follow,
    _FOLLOWS.where(
        sa.tuple_(follows.c.follower_id, follows.c.followed_id)
        > sa.tuple_(sa.bindparam("last_follower_id", type_=follows.c.follower_id.type), _LAST_FOLLOWED_ID)
    ),
)
# A user follows fewer than the limit.
_OF_USER = Query(_Follow, _FOLLOWS.where(follows.c.follower_id == sa.bindparam("of_user_id", type_=sa.BigInteger)))


def all_follows(db: Connection) -> Iterator[ArchivedFollow]:
    """Yield all follows, in the order of the ids of the followers, and then of those whom they follow."""
    follower_id = followed_id = 0
    while page := db.all(_NEXT, last_follower_id=follower_id, last_followed_id=followed_id):
        yield from (ArchivedFollow(*follow[:3]) for follow in page)
        follower_id, followed_id = page[-1][3:5]


def follows_of_user(db: Connection, user_id: int) -> Iterator[ArchivedFollow]:
    """Yield whom the user follows; not those who are suspended, as in lists."""
    # Not in SQL, for which SQLite would sort: a user follows few others.
    followed = db.all(_OF_USER, of_user_id=user_id)
    yield from (ArchivedFollow(*follow[:3]) for follow in followed if follow.suspended_at is None)


def create_follow(db: Connection, user: User, followed: User, followed_at: datetime) -> None:
    """Insert a follow; `TooManyFollowed` above the limit."""
    hidden = user.suspended_at is not None
    if not stored.insert(db, follower_id=user.id, followed_id=followed.id, followed_at=followed_at, hidden=hidden):
        number = constraints.FOLLOWED_MAX_ITEMS
        raise TooManyFollowed(f"{user.username!r} follows {number} users, as many as are allowed.")
