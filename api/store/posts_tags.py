"""The index of posts by tag, in the order of the lists. The tags of a post are stored in the post, too."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from api import constraints
from api.store.columns import Id, PublishedAt, metadata
from api.store.engine.connections import Connection

post_tags = sa.Table(
    "post_tags",
    metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag", sa.String(constraints.TAG_MAX_LENGTH), primary_key=True),
    sa.Column("published_at", PublishedAt, nullable=False),
    # Never NULL: migration 0005 filled it.
    sa.Column("author_id", Id),
    sa.Index(None, "tag", "published_at", "post_id"),
    sa.Index(None, "author_id", "tag", "published_at", "post_id"),
)

_INSERT = sa.insert(post_tags)
_DELETE = sa.delete(post_tags).where(post_tags.c.post_id == sa.bindparam("of_post"))


class Tagged(Protocol):
    """What the index has of a post."""

    @property
    def id(self) -> int:
        """The primary key."""

    @property
    def author_id(self) -> int:
        """The author."""

    @property
    def tags(self) -> Sequence[str]:
        """The tags."""

    @property
    def listed_at(self) -> datetime | None:
        """The position in lists, None for a draft."""


def add(db: Connection, post: Tagged) -> None:
    """Index a new post."""
    if post.tags:
        common = {"post_id": post.id, "published_at": post.listed_at, "author_id": post.author_id}
        db.execute_many(_INSERT, [{**common, "tag": tag} for tag in post.tags])


def replace(db: Connection, post: Tagged) -> None:
    """Index a post again, by its present tags and time of publication."""
    db.execute(_DELETE, of_post=post.id)
    add(db, post)
