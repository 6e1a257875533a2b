"""The index of posts by tag, in the order of the lists. A post's tags themselves are read from the post."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from api import constraints
from api.store.columns import PublishedAt, metadata
from api.store.engine.connections import Connection, Row

post_tags = sa.Table(
    "post_tags",
    metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag", sa.String(constraints.TAG_MAX_LENGTH), primary_key=True),
    sa.Column("published_at", PublishedAt, nullable=False),
    sa.Index(None, "tag", "published_at", "post_id"),
)

_ADD = sa.insert(post_tags)
_CLEAR = sa.delete(post_tags).where(post_tags.c.post_id == sa.bindparam("indexed"))


def add(db: Connection, post_id: int, tags: Sequence[str], published_at: datetime | None) -> None:
    """Let a post, a new one, be found by its tags."""
    if tags:
        db.execute_many(_ADD, [{"post_id": post_id, "tag": tag, "published_at": published_at} for tag in tags])


def replace(db: Connection, post: Row) -> None:
    """Let the post be found by its tags, and no longer by those that it had."""
    db.execute(_CLEAR, indexed=post.id)
    add(db, post.id, post.tags, post.published_at)
