"""The index of posts by tag, in the order of the lists. A post's tags themselves are read from the post."""

import sqlalchemy as sa

from api import limits
from api.store.connections import Connection, Row
from api.store.sql import PublishedAt, metadata

post_tags = sa.Table(
    "post_tags",
    metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag", sa.String(limits.TAG_MAX), primary_key=True),
    sa.Column("published_at", PublishedAt, nullable=False),
    sa.Index(None, "tag", "published_at", "post_id"),
)

_ADD = sa.insert(post_tags)
_CLEAR = sa.delete(post_tags).where(post_tags.c.post_id == sa.bindparam("indexed"))


def add(db: Connection, post: Row) -> None:
    """Let the post, a new one, be found by its tags."""
    if post.tags:
        each = [{"post_id": post.id, "tag": tag, "published_at": post.published_at} for tag in post.tags]
        db.change_each(_ADD, each)


def replace(db: Connection, post: Row) -> None:
    """Let the post be found by its tags, and no longer by those that it had."""
    db.change(_CLEAR, indexed=post.id)
    add(db, post)
