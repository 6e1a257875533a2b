"""Posts, as they are kept.

`published_at` is the whole life cycle: the past is public, the future is scheduled, and a draft is published
at the end of time. No job publishes anything, because every question names the moment it is asked at.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api import constraints
from api.store import posts_tags as index
from api.store.columns import (
    FOREIGN_KEY,
    JSON,
    Id,
    PublishedAt,
    Timestamp,
    change,
    metadata,
    now,
    one,
    translating,
    unchanged_since_read,
)
from api.store.engine.connections import Connection, Row
from api.store.errors import Forbidden, NotFound, Unauthenticated
from api.store.users import may_change, users

posts = sa.Table(
    "posts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("author_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("title", sa.String(constraints.TITLE_MAX_LENGTH), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("tags", JSON, nullable=False),
    sa.Column("published_at", PublishedAt, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.CheckConstraint(sa.func.length(sa.column("title")).between(1, constraints.TITLE_MAX_LENGTH), name="title"),
    sa.CheckConstraint(sa.func.length(sa.column("body")).between(1, constraints.BODY_MAX_LENGTH), name="body"),
    sa.Index(None, "published_at", "id"),
    sa.Index(None, "author_id", "published_at", "id"),
    # An id must not come back with another meaning.
    sqlite_autoincrement=True,
)

POST = sa.select(posts, users.c.username, users.c.display_name).join_from(posts, users)
_BY_ID = POST.where(posts.c.id == sa.bindparam("post_id"))
_EDITABLE = _BY_ID.with_for_update(of=posts, key_share=True)
_PUBLISH = sa.insert(posts).returning(posts.c.id)
# SQLite says it in the same words.
_PUBLISH_AS = insert(posts).on_conflict_do_nothing(index_elements=[posts.c.id]).returning(posts.c.id)
_REVISE = sa.update(posts).where(unchanged_since_read(posts)).values(version=posts.c.version + 1)
_REMOVE = sa.delete(posts).where(unchanged_since_read(posts))


def get(db: Connection, post_id: int, *, viewer: Row | None) -> Row:
    """The post; `NotFound` if there is none, or if it is not published yet and not the viewer's to change."""
    return _visible(db, _BY_ID, post_id, viewer)


def get_for_update(db: Connection, post_id: int, *, editor: Row) -> Row:
    """The post, which nobody else changes until the transaction ends; `Forbidden` if the editor must not either."""
    post = _visible(db, _EDITABLE, post_id, editor)
    if not may_change(editor, owner_id=post.author_id):
        raise Forbidden("You can change only your own posts.")
    return post


def publish(db: Connection, **content: Any) -> Row:
    """A new post, as `add` keeps it."""
    return one(db, _BY_ID, "The post is gone.", post_id=add(db, **content))


def add(
    db: Connection,
    *,
    author_id: int,
    title: str,
    body: str,
    tags: Sequence[str],
    published_at: datetime | None,
    post_id: int | None = None,
) -> int:
    """The id of a new post: public at `published_at`, or a draft if that is None; `Unauthenticated` without the author.

    The id is `post_id` if that is given and free, which `archive.reserve` has prepared, else the next.
    """
    moment = now()
    values = {
        "author_id": author_id,
        "title": title,
        "body": body,
        "tags": tags,
        "published_at": published_at,
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }
    with translating(FOREIGN_KEY, Unauthenticated("The author has been removed. Register anew.")):
        kept = post_id is not None and db.all(_PUBLISH_AS, id=post_id, **values)
        [added] = kept or db.all(_PUBLISH, **values)
    index.add(db, added.id, tags, published_at)
    return int(added.id)


def revise(db: Connection, post: Row, **changes: object) -> Row:
    """The post with `changes`; `PreconditionFailed` if it has been changed since `post` was read."""
    change(db, _REVISE, post, updated_at=now(), **changes)
    revised = one(db, _BY_ID, "The post is gone.", post_id=post.id)
    if changes.keys() & {"tags", "published_at"}:
        index.replace(db, revised)
    return revised


def remove(db: Connection, post: Row) -> None:
    """Remove the post for good; `PreconditionFailed` if it has been changed since `post` was read."""
    change(db, _REMOVE, post)


def _visible(db: Connection, statement: sa.Select[Any], post_id: int, viewer: Row | None) -> Row:
    refusal = f"There is no post {post_id}."
    post = one(db, statement, refusal, post_id=post_id)
    public = post.published_at is not None and post.published_at <= now()
    if not (public or (viewer and may_change(viewer, owner_id=post.author_id))):
        raise NotFound(refusal)
    return post
