"""Follows as the content of both users, for `users_content`."""

import sqlalchemy as sa

from api.store.engine.connections import Connection
from api.store.follows import follows

AT_ONCE = 500

_USER_ID = sa.bindparam("of_user_id", type_=sa.BigInteger)
# A user may have any number of followers, but follows few others.
_SOME_FOLLOWERS = sa.select(follows.c.follower_id).where(follows.c.followed_id == _USER_ID).limit(AT_ONCE)
_DELETE_FOLLOWERS = sa.delete(follows).where(
    follows.c.followed_id == _USER_ID, follows.c.follower_id.in_(_SOME_FOLLOWERS)
)
_DELETE_FOLLOWED = sa.delete(follows).where(follows.c.follower_id == _USER_ID)


def remove_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete those whom the user follows, or else some followers."""
    statements = (_DELETE_FOLLOWED, _DELETE_FOLLOWERS)
    return next(filter(None, (db.execute(statement, of_user_id=user_id) for statement in statements)), 0), 0
