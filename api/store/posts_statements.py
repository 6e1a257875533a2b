"""Statements that change and delete posts, with their positions in the change feed."""

import sqlalchemy as sa

from api.store.change_positions import next_position, record_removal, removed_posts
from api.store.columns import END_OF_TIME, PublishedAt
from api.store.engine.connections import Query
from api.store.posts_inserts import AUTHOR_COLUMNS
from api.store.posts_table import IS_WITHHELD, POST_COLUMNS, Post, posts
from api.store.queries import unchanged_since_read
from api.store.users import users

_RETURNED = [*POST_COLUMNS, *AUTHOR_COLUMNS, IS_WITHHELD]
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
# Of each post that has a position, also if it is not public: a client may not have read yet that it no longer is, and
# on SQLite the next change would get the position of a row that is deleted without a record.
RECORD_REMOVAL = record_removal(
    removed_posts,
    ["post_id"],
    sa.select(posts.c.id, next_position("posts"), sa.bindparam("at", type_=removed_posts.c.removed_at.type)).where(
        posts.c.id == sa.bindparam("read_id"),
        sa.or_(
            posts.c.published_at < sa.literal(END_OF_TIME, PublishedAt()),
            posts.c.change_position.is_not(None),
        ),
    ),
)
DELETE = sa.delete(posts).where(unchanged_since_read(posts))
