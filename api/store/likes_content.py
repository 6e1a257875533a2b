"""Likes as the content of the user who likes, for `users_content`."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query
from api.store.likes import DELETE, likes

AT_ONCE = 100
"""Likes in a step."""


class _Like(NamedTuple):
    post_id: int
    user_id: int


_OF_USER = sa.select(likes.c.post_id, likes.c.user_id).where(likes.c.user_id == sa.bindparam("of_user")).limit(AT_ONCE)
_NEXT = Query(_Like, _OF_USER)
_NEXT_SHOWN = Query(_Like, _OF_USER.where(likes.c.hidden == sa.false()))
_NEXT_HIDDEN = Query(_Like, _OF_USER.where(likes.c.hidden == sa.true()))
_IS_LIKE = sa.and_(likes.c.post_id == sa.bindparam("of_post_id"), likes.c.user_id == sa.bindparam("by_user_id"))
_HIDE = sa.update(likes).where(_IS_LIKE).values(hidden=sa.true())
_SHOW = sa.update(likes).where(_IS_LIKE).values(hidden=sa.false())


def remove_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some likes by the user."""
    rows = db.all(_NEXT, of_user=user_id)
    if rows:
        db.execute_many(DELETE, [{"old_post_id": row.post_id, "old_user_id": row.user_id} for row in rows])
    return len(rows), 0


def hide_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Hide some likes by the user."""
    return _update(db, db.all(_NEXT_SHOWN, of_user=user_id), _HIDE)


def show_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Show some likes by the user that are hidden."""
    return _update(db, db.all(_NEXT_HIDDEN, of_user=user_id), _SHOW)


def _update(db: Connection, rows: Sequence[_Like], statement: sa.Update) -> tuple[int, int]:
    if rows:
        db.execute_many(statement, [{"of_post_id": row.post_id, "by_user_id": row.user_id} for row in rows])
    return len(rows), 0
