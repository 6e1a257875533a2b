"""Follows as the content of both users, for `users_content`."""

from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query
from api.store.follows import follows

AT_ONCE = 100


class _Follower(NamedTuple):
    follower_id: int


_USER_ID = sa.bindparam("of_user_id", type_=sa.BigInteger)
_DELETE_FOLLOWED = sa.delete(follows).where(follows.c.follower_id == _USER_ID)
# A user may have any number of followers, but follows few others. Two statements, because PostgreSQL reads all
# followers to delete those that a subquery returns.
_NEXT_FOLLOWERS = Query(
    _Follower, sa.select(follows.c.follower_id).where(follows.c.followed_id == _USER_ID).limit(AT_ONCE)
)
_DELETE_FOLLOWER = sa.delete(follows).where(
    follows.c.follower_id == sa.bindparam("old_follower_id"), follows.c.followed_id == _USER_ID
)
# Whom the user follows: the lists of followers have the user.
_FOLLOWED = sa.update(follows).where(follows.c.follower_id == _USER_ID)
_HIDE = _FOLLOWED.where(follows.c.hidden == sa.false()).values(hidden=sa.true())
_SHOW = _FOLLOWED.where(follows.c.hidden == sa.true()).values(hidden=sa.false())


def remove_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete those whom the user follows, or else some followers."""
    if number := db.execute(_DELETE_FOLLOWED, of_user_id=user_id):
        return number, 0
    followers = db.all(_NEXT_FOLLOWERS, of_user_id=user_id)
    if followers:
        db.execute_many(
            _DELETE_FOLLOWER, [{"old_follower_id": row.follower_id, "of_user_id": user_id} for row in followers]
        )
    return len(followers), 0


def hide_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Hide that the user follows others, of whom there are few."""
    return db.execute(_HIDE, of_user_id=user_id), 0


def show_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Show it again."""
    return db.execute(_SHOW, of_user_id=user_id), 0
