"""Likes as the content of the user who likes, for `users_content`."""

from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query
from api.store.likes import DELETE, likes

AT_ONCE = 100
"""Likes in a step."""


class _Like(NamedTuple):
    post_id: int
    user_id: int


_NEXT = Query(
    _Like,
    sa.select(likes.c.post_id, likes.c.user_id).where(likes.c.user_id == sa.bindparam("of_user")).limit(AT_ONCE),
)


def remove_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some likes by the user."""
    rows = db.all(_NEXT, of_user=user_id)
    if rows:
        db.execute_many(DELETE, [{"old_post_id": row.post_id, "old_user_id": row.user_id} for row in rows])
    return len(rows), 0
