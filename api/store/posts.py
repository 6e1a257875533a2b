"""Posts: read, publish, revise, remove."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store import posts_tags
from api.store.change_positions import next_position, record_removal, removed_posts
from api.store.columns import END_OF_TIME, PublishedAt, now
from api.store.engine.connections import Connection, Query
from api.store.errors import Forbidden, Unauthenticated
from api.store.posts_table import POST, POST_COLUMNS, Post, posts
from api.store.principals import Principal
from api.store.queries import (
    FOREIGN_KEY_VIOLATION,
    delete_if_unchanged,
    one,
    translating,
    unchanged_since_read,
    update_if_unchanged,
)


class PostId(NamedTuple):
    """The id of a post."""

    id: int


_HAS_ID = posts.c.id == sa.bindparam("post_id")
# Part of the statements, so that an unpublished post costs others what a missing one does: its body is not read.
_IS_OWN = sa.or_(posts.c.author_id == sa.bindparam("viewer_id"), sa.bindparam("is_admin", type_=sa.Boolean))
_IS_VISIBLE = sa.or_(_IS_OWN, posts.c.published_at <= sa.bindparam("at", type_=PublishedAt()))
_VISIBLE_BY_ID = Query(Post, POST.where(_HAS_ID, _IS_VISIBLE))
_OWN_BY_ID_FOR_UPDATE = Query(Post, POST.where(_HAS_ID, _IS_OWN).with_for_update(of=posts, key_share=True))
_VISIBLE_ID = Query(PostId, sa.select(posts.c.id).where(_HAS_ID, _IS_VISIBLE))
# Literal, because SQLAlchemy neither correlates a subquery with INSERT nor, for SQLite, qualifies the columns in
# RETURNING.
_AUTHOR_COLUMNS = [
    sa.literal_column(f"(SELECT {name} FROM users WHERE users.id = posts.author_id)", sa.String).label(name)  # noqa: S608 (two constants)
    for name in ("username", "display_name")
]
_RETURNED = [*POST_COLUMNS, *_AUTHOR_COLUMNS]
_INSERT_DRAFT = sa.insert(posts).returning(*_RETURNED)
_INSERT = _INSERT_DRAFT.values(change_position=next_position("posts"))
# SQLite has the same syntax.
_INSERT_DRAFT_WITH_ID = insert(posts).on_conflict_do_nothing(index_elements=[posts.c.id]).returning(*_RETURNED)
_INSERT_WITH_ID = _INSERT_DRAFT_WITH_ID.values(change_position=next_position("posts"))
_INSERTS = {
    (is_draft, has_id): Query(Post, statement)
    for (is_draft, has_id), statement in {
        (False, False): _INSERT,
        (False, True): _INSERT_WITH_ID,
        (True, False): _INSERT_DRAFT,
        (True, True): _INSERT_DRAFT_WITH_ID,
    }.items()
}
_UPDATE_DRAFT = (
    sa.update(posts).where(unchanged_since_read(posts)).values(version=posts.c.version + 1).returning(*_RETURNED)
)
_UPDATE = _UPDATE_DRAFT.values(change_position=next_position("posts"))
_UPDATES = {True: Query(Post, _UPDATE_DRAFT), False: Query(Post, _UPDATE)}
"""By whether the post was a draft, and still is: then the change is not in the feed."""
# A draft that was public before: a client may not have read yet that it no longer is.
_RECORD_REMOVAL = record_removal(
    removed_posts,
    ["post_id"],
    sa.select(posts.c.id, next_position("posts"), sa.bindparam("at", type_=removed_posts.c.removed_at.type)).where(
        posts.c.id == sa.bindparam("read_id"),
        sa.or_(posts.c.published_at < sa.literal(END_OF_TIME, PublishedAt()), posts.c.was_public_until.is_not(None)),
    ),
)
_DELETE = sa.delete(posts).where(unchanged_since_read(posts))


def get(db: Connection, post_id: int, *, viewer: Principal | None) -> Post:
    """Return the post; `NotFound` if there is none, or if it is unpublished and the viewer may not change it."""
    return one(db, _VISIBLE_BY_ID, _not_found(post_id), post_id=post_id, at=now(), **_viewer(viewer))


def get_for_update(db: Connection, post_id: int, *, principal: Principal) -> Post:
    """Return the post, locked until the transaction ends; `Forbidden` if the principal may not change it."""
    viewer = _viewer(principal)
    post = db.one_or_none(_OWN_BY_ID_FOR_UPDATE, post_id=post_id, **viewer)
    if post is None:
        one(db, _VISIBLE_ID, _not_found(post_id), post_id=post_id, at=now(), **viewer)
        raise Forbidden("You can change only your own posts.")
    return post


def publish(
    db: Connection,
    *,
    author_id: int,
    title: str,
    body: str,
    tags: Sequence[str],
    published_at: datetime | Literal["now"] | None = "now",
    post_id: int | None = None,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
) -> Post:
    """Insert a post: public at `published_at`, or a draft if that is None; `Unauthenticated` without the author.

    The id is `post_id` if that is given and free, else the next one. `archive.reserve_ids` must precede a `post_id`.
    `created_at` and `updated_at` are those of an imported post.
    """
    created_at = created_at or now()
    published_at = created_at if published_at == "now" else published_at
    values = {
        "author_id": author_id,
        "title": title,
        "body": body,
        "tags": tags,
        "published_at": published_at,
        "version": 1,
        "created_at": created_at,
        "updated_at": updated_at or created_at,
    }
    is_draft = published_at is None
    with translating(FOREIGN_KEY_VIOLATION, Unauthenticated("The author has been removed. Register again.")):
        inserted = None if post_id is None else db.one_or_none(_INSERTS[is_draft, True], id=post_id, **values)
        [post] = [inserted] if inserted else db.all(_INSERTS[is_draft, False], **values)
    posts_tags.add(db, post)
    return post


def revise(db: Connection, post: Post, **changes: object) -> Post:
    """Update the post; `PreconditionFailed` if it has been changed since `post` was read."""
    updated_at = now()
    values = {"updated_at": updated_at, **changes}
    if post.published_at is not None:
        values["was_public_until"] = updated_at
    is_draft = post.published_at is None and changes.get("published_at") is None
    revised = update_if_unchanged(db, _UPDATES[is_draft], post, **values)
    if changes.keys() & {"tags", "published_at"}:
        posts_tags.replace(db, revised)
    return revised


def remove(db: Connection, post: Post) -> None:
    """Delete the post; `PreconditionFailed` if it has been changed since `post` was read."""
    db.execute(_RECORD_REMOVAL, read_id=post.id, at=now())
    delete_if_unchanged(db, _DELETE, post)


def _viewer(viewer: Principal | None) -> dict[str, object]:
    """Return the parameters of `_IS_OWN`."""
    return {"viewer_id": viewer.id if viewer else None, "is_admin": viewer is not None and viewer.role == "admin"}


def _not_found(post_id: int) -> str:
    return f"There is no post {post_id}."
