"""The index of posts by tag, in the order of the lists. The tags of a post are stored in the post, too."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from api import constraints
from api.store.columns import PublishedAt, metadata
from api.store.engine.connections import Connection

post_tags = sa.Table(
    "post_tags",
    metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag", sa.String(constraints.TAG_MAX_LENGTH), primary_key=True),
    sa.Column("published_at", PublishedAt, nullable=False),
    sa.Index(None, "tag", "published_at", "post_id"),
)

_INSERT = sa.insert(post_tags)
_DELETE = sa.delete(post_tags).where(post_tags.c.post_id == sa.bindparam("of_post"))


def add(db: Connection, post_id: int, tags: Sequence[str], published_at: datetime | None) -> None:
    """Index a new post."""
    if tags:
        db.execute_many(_INSERT, [{"post_id": post_id, "tag": tag, "published_at": published_at} for tag in tags])


def replace(db: Connection, post_id: int, tags: Sequence[str], published_at: datetime | None) -> None:
    """Index a post again, by its present tags and time of publication."""
    db.execute(_DELETE, of_post=post_id)
    add(db, post_id, tags, published_at)
