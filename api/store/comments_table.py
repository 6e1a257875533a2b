"""The table of comments on posts, and the statements that read and write them."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store.columns import Id, Revision, Timestamp, metadata
from api.store.engine.connections import Query
from api.store.posts_table import posts
from api.store.posts_visibility import HAS_ID, IS_VISIBLE
from api.store.queries import unchanged_since_read
from api.store.users import users

comments = sa.Table(
    "comments",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("author_id", sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    # Whether its author is suspended.
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("revision", Revision, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.CheckConstraint(sa.func.length(sa.column("body")).between(1, constraints.COMMENT_MAX_LENGTH), name="body"),
    sa.Index(None, "post_id", "hidden", "created_at", "id"),
    sa.Index(None, "author_id", "hidden", "id"),
    sqlite_autoincrement=True,  # an id is never used again
)


class Comment(NamedTuple):
    """A comment with its author's names."""

    id: int
    post_id: int
    author_id: int
    body: str
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str


class CommentWithHTML(NamedTuple):
    """A comment with its body as HTML, too, which is None if both together do not fit into a page."""

    id: int
    post_id: int
    author_id: int
    body: str
    revision: str
    created_at: datetime
    updated_at: datetime
    username: str
    display_name: str
    html: str | None


_COLUMNS = [comments.c[name] for name in Comment._fields if name in comments.c]
_IS_SHOWN = comments.c.hidden == sa.false()
_POSITION = comments.c.created_at, comments.c.id
_AFTER = sa.tuple_(sa.bindparam("page_timestamp", type_=Timestamp), sa.bindparam("page_id", type_=Id))
_OF_POST = (
    sa.select(*_COLUMNS, users.c.username, users.c.display_name)
    .join_from(comments, users)
    .where(comments.c.post_id == sa.bindparam("post_id"), _IS_SHOWN, sa.tuple_(*_POSITION) > _AFTER)
    .order_by(*_POSITION)
    .limit(sa.bindparam("page_limit"))
)
_ITEMS = _OF_POST.subquery("entries")
# Of a visible post without comments, the only row has no values. The comments are limited before they are joined: with
# few posts, SQLite would sort all of them.
PAGE = Query(
    Comment,
    sa.select(*_ITEMS.c)
    .select_from(posts.outerjoin(_ITEMS, sa.true()))
    .where(HAS_ID, IS_VISIBLE)
    .order_by(_ITEMS.c.created_at, _ITEMS.c.id),
)
_IS_ADMIN = sa.bindparam("is_admin", type_=sa.Boolean)
_VISIBLE = (
    sa.select(*_COLUMNS, users.c.username, users.c.display_name)
    .join_from(comments, users, users.c.id == comments.c.author_id)
    .join(posts, posts.c.id == comments.c.post_id)
    .where(comments.c.id == sa.bindparam("comment_id"), sa.or_(_IS_SHOWN, _IS_ADMIN), IS_VISIBLE)
)
BY_ID = Query(Comment, _VISIBLE)
_IS_OWN = sa.or_(comments.c.author_id == sa.bindparam("viewer_id"), _IS_ADMIN)
FOR_UPDATE = {
    may_moderate: Query(Comment, _VISIBLE.where(condition).with_for_update(of=comments, key_share=True))
    for may_moderate, condition in {
        False: _IS_OWN,
        True: sa.or_(_IS_OWN, posts.c.author_id == sa.bindparam("viewer_id")),
    }.items()
}
# Literal, because SQLAlchemy neither correlates a subquery with INSERT nor, for SQLite, qualifies the columns in
# RETURNING.
_RETURNED = [
    *_COLUMNS,
    *(
        sa.literal_column(f"(SELECT {name} FROM users WHERE users.id = comments.author_id)", sa.String).label(name)  # noqa: S608 (two constants)
        for name in ("username", "display_name")
    ),
]
INSERT = Query(Comment, sa.insert(comments).returning(*_RETURNED))
UPDATE = Query(Comment, sa.update(comments).where(unchanged_since_read(comments)).returning(*_RETURNED))
DELETE = sa.delete(comments).where(unchanged_since_read(comments))
