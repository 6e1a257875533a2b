"""Statements that write posts, with their positions in the change feed."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store.change_positions import next_position, record_removal, removed_posts
from api.store.columns import END_OF_TIME, PublishedAt
from api.store.engine.connections import Query
from api.store.posts_table import HAS_SLUG, IS_WITHHELD, POST_COLUMNS, Post, posts
from api.store.queries import unchanged_since_read
from api.store.users import users


class Inserted(NamedTuple):
    """What the database knows of a new post."""

    id: int
    username: str
    display_name: str


# Literal, because SQLAlchemy neither correlates a subquery with INSERT nor, for SQLite, qualifies the columns in
# RETURNING.
_AUTHOR_COLUMNS = [
    sa.literal_column(f"(SELECT {name} FROM users WHERE users.id = posts.author_id)", sa.String).label(name)  # noqa: S608 (two constants)
    for name in ("username", "display_name")
]
_RETURNED = [*POST_COLUMNS, *_AUTHOR_COLUMNS, IS_WITHHELD]
# SQLite has the same syntax.
_SLUG_IS_TAKEN: dict[str, Any] = {"index_elements": [posts.c.author_id, posts.c.slug], "index_where": HAS_SLUG}
_INSERT_DRAFT = insert(posts).on_conflict_do_nothing(**_SLUG_IS_TAKEN).returning(posts.c.id, *_AUTHOR_COLUMNS)
_INSERT = _INSERT_DRAFT.values(change_position=next_position("posts"))
_INSERT_DRAFT_WITH_ID = insert(posts).on_conflict_do_nothing().returning(posts.c.id, *_AUTHOR_COLUMNS)
_INSERT_WITH_ID = _INSERT_DRAFT_WITH_ID.values(change_position=next_position("posts"))
INSERTS = {
    (is_draft, has_id): Query(Inserted, statement)
    for (is_draft, has_id), statement in {
        (False, False): _INSERT,
        (False, True): _INSERT_WITH_ID,
        (True, False): _INSERT_DRAFT,
        (True, True): _INSERT_DRAFT_WITH_ID,
    }.items()
}
_UPDATE_DRAFT = sa.update(posts).where(unchanged_since_read(posts)).returning(*_RETURNED)
_UPDATE = _UPDATE_DRAFT.values(change_position=next_position("posts"))
_AUTHOR_IS_SUSPENDED = sa.exists().where(users.c.id == posts.c.author_id, users.c.suspended_at.is_not(None))
_PUBLISHED_AT = sa.bindparam("new_published_at", type_=PublishedAt())
_END_OF_TIME = sa.literal(END_OF_TIME, PublishedAt())
_MOVES = {
    "published_at": sa.case((_AUTHOR_IS_SUSPENDED, _END_OF_TIME), else_=_PUBLISHED_AT),
    "withheld_published_at": sa.case((_AUTHOR_IS_SUSPENDED, sa.func.nullif(_PUBLISHED_AT, _END_OF_TIME))),
}
UPDATES = {
    (True, False): Query(Post, _UPDATE_DRAFT),
    (False, False): Query(Post, _UPDATE),
    (False, True): Query(Post, _UPDATE.values(_MOVES)),
}
"""By whether the post was a draft, and still is, when the change is not in the feed; and whether it is published at
`new_published_at`. A suspended author must be locked then."""
# A draft that was public before: a client may not have read yet that it no longer is.
RECORD_REMOVAL = record_removal(
    removed_posts,
    ["post_id"],
    sa.select(posts.c.id, next_position("posts"), sa.bindparam("at", type_=removed_posts.c.removed_at.type)).where(
        posts.c.id == sa.bindparam("read_id"),
        sa.or_(posts.c.published_at < sa.literal(END_OF_TIME, PublishedAt()), posts.c.was_public_until.is_not(None)),
    ),
)
DELETE = sa.delete(posts).where(unchanged_since_read(posts))
