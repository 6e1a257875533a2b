"""Likes as the content of the user who likes, for `users_content`, and of their post."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store.engine.connections import Connection, Query
from api.store.errors import TooMuchContent
from api.store.likes import DELETE, likes

AT_ONCE = 100
"""Likes in a step."""


class _Like(NamedTuple):
    post_id: int
    user_id: int


class _Count(NamedTuple):
    number: int


_OF_USER = sa.select(likes.c.post_id, likes.c.user_id).where(likes.c.user_id == sa.bindparam("of_user")).limit(AT_ONCE)
_OF_POST = sa.select(likes.c.post_id, likes.c.user_id).where(likes.c.post_id == sa.bindparam("of_post"))
_NEXT = Query(_Like, _OF_USER)
_NEXT_OF_POST = Query(_Like, _OF_POST.limit(AT_ONCE))
_ONE_OF_POST = Query(_Like, _OF_POST.limit(1))
_COUNT_OF_POST = Query(
    _Count,
    sa.select(sa.func.count().label("number")).select_from(
        _OF_POST.limit(sa.bindparam("at_most", type_=sa.Integer)).subquery()
    ),
)
_NEXT_SHOWN = Query(_Like, _OF_USER.where(likes.c.hidden == sa.false()))
_NEXT_HIDDEN = Query(_Like, _OF_USER.where(likes.c.hidden == sa.true()))
_IS_LIKE = sa.and_(likes.c.post_id == sa.bindparam("of_post_id"), likes.c.user_id == sa.bindparam("by_user_id"))
_HIDE = sa.update(likes).where(_IS_LIKE).values(hidden=sa.true())
_SHOW = sa.update(likes).where(_IS_LIKE).values(hidden=sa.false())


def remove_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Delete some likes by the user."""
    return _remove(db, db.all(_NEXT, of_user=user_id))


def hide_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Hide some likes by the user."""
    return _update(db, db.all(_NEXT_SHOWN, of_user=user_id), _HIDE)


def show_some(db: Connection, user_id: int) -> tuple[int, int]:
    """Show some likes by the user that are hidden."""
    return _update(db, db.all(_NEXT_HIDDEN, of_user=user_id), _SHOW)


def exist_on(db: Connection, post_id: int) -> bool:
    """Return whether the post has likes."""
    return bool(db.all(_ONE_OF_POST, of_post=post_id))


def remove_some_on(db: Connection, post_id: int) -> tuple[int, int]:
    """Delete some likes of the post."""
    return _remove(db, db.all(_NEXT_OF_POST, of_post=post_id))


def require_few_on(db: Connection, post_id: int) -> None:
    """`TooMuchContent` if it would take too long for one transaction to delete the likes with the post."""
    limit = constraints.LIKES_MAX_REMOVED
    [count] = db.all(_COUNT_OF_POST, of_post=post_id, at_most=limit + 1)
    if count.number > limit:
        raise TooMuchContent(
            "The post has more likes than one request deletes. Have an operator of this site run "
            f"`pressroom posts remove {post_id}`."
        )


def _remove(db: Connection, rows: Sequence[_Like]) -> tuple[int, int]:
    if rows:
        db.execute_many(DELETE, [{"old_post_id": row.post_id, "old_user_id": row.user_id} for row in rows])
    return len(rows), 0


def _update(db: Connection, rows: Sequence[_Like], statement: sa.Update) -> tuple[int, int]:
    if rows:
        db.execute_many(statement, [{"of_post_id": row.post_id, "by_user_id": row.user_id} for row in rows])
    return len(rows), 0
