"""SQL to export and import likes."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store.archive_locks import lock_post
from api.store.columns import START_OF_TIME, Timestamp
from api.store.engine.connections import Connection, Query
from api.store.errors import Conflict
from api.store.likes import likes
from api.store.users import users

LIKES_PER_QUERY = 1_000


class ArchivedLike(NamedTuple):
    """A like in an archive: `post` is the id of the post."""

    user: str
    post: int
    liked_at: datetime


class _Like(NamedTuple):
    user: str
    post: int
    liked_at: datetime
    user_id: int


_LIKES = (
    sa.select(users.c.username.label("user"), likes.c.post_id.label("post"), likes.c.liked_at, likes.c.user_id)
    .join_from(likes, users)
    .limit(LIKES_PER_QUERY)
)
_NEXT = Query(
    _Like,
    _LIKES.where(
        sa.tuple_(likes.c.post_id, likes.c.user_id)
        > sa.tuple_(
            sa.bindparam("last_post", type_=likes.c.post_id.type), sa.bindparam("last_user", type_=likes.c.user_id.type)
        )
    ).order_by(likes.c.post_id, likes.c.user_id),
)
_NEXT_OF_USER = Query(
    _Like,
    _LIKES.where(
        likes.c.user_id == sa.bindparam("of_user"),
        likes.c.hidden == sa.bindparam("is_hidden", type_=sa.Boolean),
        sa.tuple_(likes.c.liked_at, likes.c.post_id)
        > sa.tuple_(sa.bindparam("time", type_=Timestamp), sa.bindparam("last_post", type_=likes.c.post_id.type)),
    ).order_by(likes.c.liked_at, likes.c.post_id),
)
# SQLite has the same syntax.
_INSERT = insert(likes).on_conflict_do_nothing(index_elements=[likes.c.post_id, likes.c.user_id])


def all_likes(db: Connection) -> Iterator[ArchivedLike]:
    """Yield all likes, in the order of the ids of the posts, and then of the users."""
    post_id = user_id = 0
    while page := db.all(_NEXT, last_post=post_id, last_user=user_id):
        yield from (ArchivedLike(*like[:3]) for like in page)
        _, post_id, _, user_id = page[-1]


def likes_of_user(db: Connection, user_id: int) -> Iterator[ArchivedLike]:
    """Yield the likes of a user, oldest first; last those that an ended suspension still hides."""
    for is_hidden in (False, True):
        time, post_id = START_OF_TIME, 0
        while page := db.all(_NEXT_OF_USER, of_user=user_id, is_hidden=is_hidden, time=time, last_post=post_id):
            yield from (ArchivedLike(*like[:3]) for like in page)
            _, post_id, time, _ = page[-1]


def create_like(db: Connection, *, user_id: int, post_id: int, liked_at: datetime, hidden: bool = False) -> None:
    """Insert a like; `Conflict` if it exists, `NotFound` without the post."""
    lock_post(db, post_id)
    if not db.execute(_INSERT, user_id=user_id, post_id=post_id, liked_at=liked_at, hidden=hidden):
        raise Conflict("The like exists.")
