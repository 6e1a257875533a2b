"""Which posts a viewer sees, for posts and for what belongs to them."""

from typing import NamedTuple

import sqlalchemy as sa

from api.store.columns import PublishedAt, now
from api.store.engine.connections import Connection, Query
from api.store.posts_table import posts
from api.store.principals import Principal
from api.store.queries import one
from api.store.users import users


class PostId(NamedTuple):
    """The id of a post."""

    id: int


class _UserId(NamedTuple):
    id: int


class LockedPost(NamedTuple):
    """A post that no other transaction can change or delete."""

    id: int
    comments: str


HAS_ID = posts.c.id == sa.bindparam("post_id")
# Part of the statements, so that an unpublished post costs others what a missing one does: its body is not read.
IS_OWN = sa.or_(posts.c.author_id == sa.bindparam("viewer_id"), sa.bindparam("is_admin", type_=sa.Boolean))
IS_VISIBLE = sa.or_(IS_OWN, posts.c.published_at <= sa.bindparam("at", type_=PublishedAt()))
_VISIBLE = sa.select(posts.c.id).where(HAS_ID, IS_VISIBLE)
_VISIBLE_ID = Query(PostId, _VISIBLE)
_FOR_SHARE = Query(LockedPost, _VISIBLE.add_columns(posts.c.comments).with_for_update(read=True))
_AUTHOR_ID = sa.select(posts.c.author_id).where(HAS_ID).scalar_subquery()
_LOCK_AUTHOR = Query(
    _UserId, sa.select(users.c.id).where(users.c.id == _AUTHOR_ID).with_for_update(key_share=True, read=True)
)


def seen_by(viewer: Principal | None) -> dict[str, object]:
    """Return the parameters of `IS_VISIBLE` for a viewer, but for the time `at`."""
    return {"viewer_id": viewer.id if viewer else None, "is_admin": viewer is not None and viewer.role == "admin"}


def require_visible(db: Connection, post_id: int, *, viewer: Principal | None) -> None:
    """`NotFound` if there is no such post, or if it is unpublished and the viewer may not change it."""
    one(db, _VISIBLE_ID, not_found(post_id), post_id=post_id, at=now(), **seen_by(viewer))


def lock_visible(db: Connection, post_id: int, *, viewer: Principal) -> LockedPost:
    """Return the post, which no other transaction can change or delete until this one ends; `NotFound` as before."""
    return one(db, _FOR_SHARE, not_found(post_id), post_id=post_id, at=now(), **seen_by(viewer))


def lock_author(db: Connection, post_id: int) -> None:
    """Let no other transaction suspend or remove the author until this one ends."""
    db.all(_LOCK_AUTHOR, post_id=post_id)


def not_found(post_id: int) -> str:
    """Return the message of `NotFound`."""
    return f"There is no post {post_id}."
