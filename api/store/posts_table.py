"""The table of posts.

`published_at` determines the state: public if it is past, scheduled if it is in the future, a draft if it is the end of
time. No job publishes anything, because every query compares it with the current time.

While the author is suspended, it is the end of time, too, and `withheld_published_at` has the time of publication.
"""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store.columns import JSON, CommentsState, Id, PublishedAt, Revision, Timestamp, metadata
from api.store.users import users

_IS_WITHHELD = sa.column("withheld_published_at").is_not(None)
HAS_SLUG = sa.column("slug").is_not(None)
posts = sa.Table(
    "posts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("author_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("slug", sa.String(constraints.SLUG_MAX_LENGTH)),
    sa.Column("title", sa.String(constraints.TITLE_MAX_LENGTH), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("tags", JSON, nullable=False),
    # A server of the version before does not know it.
    sa.Column("metadata", JSON, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("published_at", PublishedAt, nullable=False),
    sa.Column("revision", Revision, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    # NULL for a draft that has never been anything else.
    sa.Column("change_position", sa.BigInteger),
    # When an earlier version that may have been public was replaced; NULL if there is none.
    sa.Column("was_public_until", Timestamp),
    # NULL unless the author is suspended, and for drafts.
    sa.Column("withheld_published_at", Timestamp),
    sa.Column("closed", CommentsState, key="comments", nullable=False, server_default=sa.false()),
    sa.CheckConstraint(sa.func.length(sa.column("title")).between(1, constraints.TITLE_MAX_LENGTH), name="title"),
    sa.CheckConstraint(sa.func.length(sa.column("body")) <= constraints.BODY_MAX_LENGTH, name="body"),
    sa.Index(None, "published_at", "id"),
    sa.Index(None, "author_id", "published_at", "id"),
    sa.Index(None, "change_position", "id"),
    sa.Index(
        "ix_posts_withheld",
        "author_id",
        "withheld_published_at",
        "id",
        sqlite_where=_IS_WITHHELD,
        postgresql_where=_IS_WITHHELD,
    ),
    # Partial, so that it takes no space for a post without a slug.
    sa.Index(None, "author_id", "slug", unique=True, sqlite_where=HAS_SLUG, postgresql_where=HAS_SLUG),
    sqlite_autoincrement=True,  # an id is never used again
)


class Post(NamedTuple):
    """A post with its author's names."""

    id: int
    author_id: int
    slug: str | None
    title: str
    body: str
    tags: list[str]
    metadata: dict[str, str]
    comments: str
    published_at: datetime | None
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str
    is_withheld: bool
    """Whether it is not listed, because the author is suspended."""

    @property
    def listed_at(self) -> datetime | None:
        """The position in lists: the end of time, as for a draft, while the author is suspended."""
        return None if self.is_withheld else self.published_at


class PostSummary(NamedTuple):
    """A post without its body."""

    id: int
    author_id: int
    slug: str | None
    title: str
    tags: list[str]
    metadata: dict[str, str]
    comments: str
    published_at: datetime | None
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str
    is_withheld: bool
    """Whether it is not listed, because the author is suspended."""

    @property
    def listed_at(self) -> datetime | None:
        """The position in lists: the end of time, as for a draft, while the author is suspended."""
        return None if self.is_withheld else self.published_at


PUBLISHED_AT = sa.func.coalesce(posts.c.withheld_published_at, posts.c.published_at, type_=PublishedAt())
POST_COLUMNS = [
    PUBLISHED_AT.label(name) if name == "published_at" else posts.c[name] for name in Post._fields if name in posts.c
]
_WITHHELD = posts.c.withheld_published_at
# Not IS NOT NULL, which is wrong in RETURNING of SQLite 3.40. As the driver returns it, because a conversion takes time
# for each row of a list.
_HAS_TIME = _WITHHELD == _WITHHELD  # noqa: PLR0124 (NULL is not equal to itself)
IS_WITHHELD = sa.type_coerce(sa.func.coalesce(_HAS_TIME, sa.false()), sa.Integer).label("is_withheld")
POST = sa.select(*POST_COLUMNS, users.c.username, users.c.display_name, IS_WITHHELD).join_from(posts, users)
