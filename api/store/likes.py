"""Likes: which users like which posts. A post has no number of its likes, which would change its ETag with each."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store import posts_visibility
from api.store.columns import Timestamp, metadata, now
from api.store.engine.connections import Connection, Query
from api.store.errors import NotFound
from api.store.principals import Principal
from api.store.queries import FOREIGN_KEY_VIOLATION, one, translating

likes = sa.Table(
    "likes",
    metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("liked_at", Timestamp, nullable=False),
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(None, "post_id", "hidden", "liked_at", "user_id"),
    sa.Index(None, "user_id", "hidden", "liked_at", "post_id"),
)


class Like(NamedTuple):
    """A user's own like of a post."""

    post_id: int
    liked_at: datetime


POST_IS_VISIBLE = sa.exists().where(posts_visibility.HAS_ID, posts_visibility.IS_VISIBLE)
OF_POST = likes.c.post_id == sa.bindparam("post_id")
_OWN = Query(
    Like,
    sa.select(likes.c.post_id, likes.c.liked_at).where(
        OF_POST, likes.c.user_id == sa.bindparam("viewer_id"), POST_IS_VISIBLE
    ),
)
# SQLite has the same syntax.
_INSERT = insert(likes).on_conflict_do_nothing(index_elements=[likes.c.post_id, likes.c.user_id])
DELETE = sa.delete(likes).where(
    likes.c.post_id == sa.bindparam("old_post_id"), likes.c.user_id == sa.bindparam("old_user_id")
)


def get(db: Connection, post_id: int, *, user: Principal) -> Like:
    """Return the user's like of the post; `NotFound` if there is none, or if they cannot see the post."""
    parameters = posts_visibility.seen_by(user)
    return one(db, _OWN, f"You do not like a post {post_id}.", post_id=post_id, at=now(), **parameters)


def add(db: Connection, post_id: int, *, user: Principal) -> None:
    """Insert the user's like of the post, unless it exists; `NotFound` if they cannot see the post."""
    posts_visibility.require_visible(db, post_id, viewer=user)
    # The user cannot be removed: the transaction has authenticated them.
    with translating(FOREIGN_KEY_VIOLATION, NotFound(posts_visibility.not_found(post_id))):
        db.execute(_INSERT, post_id=post_id, user_id=user.id, liked_at=now())


def remove(db: Connection, post_id: int, *, user: Principal) -> None:
    """Delete the user's like of the post, if it exists; `NotFound` if it does not, and they cannot see the post."""
    if not db.execute(DELETE, old_post_id=post_id, old_user_id=user.id):
        posts_visibility.require_visible(db, post_id, viewer=user)
