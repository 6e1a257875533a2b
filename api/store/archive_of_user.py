"""SQL to export a single user."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from api.store.archive import POSTS_PER_QUERY, ArchivedPost, ArchivedUser, archived_posts
from api.store.columns import START_OF_TIME, PublishedAt
from api.store.engine.connections import Connection, Query
from api.store.posts_table import posts
from api.store.users import users

_USER = Query(
    ArchivedUser,
    sa.select(*(users.c[name] for name in ArchivedUser._fields)).where(users.c.id == sa.bindparam("user_id")),
)
_POSITION = sa.tuple_(sa.bindparam("after_time", type_=PublishedAt()), sa.bindparam("after_id", type_=sa.BigInteger))
# In the order of an index.
_NEXT_POSTS = Query(
    ArchivedPost,
    archived_posts.where(
        posts.c.author_id == sa.bindparam("user_id"), sa.tuple_(posts.c.published_at, posts.c.id) > _POSITION
    )
    .order_by(posts.c.published_at, posts.c.id)
    .limit(POSTS_PER_QUERY),
)


def find_user(db: Connection, user_id: int) -> ArchivedUser | None:
    """Return the user; None if there is none."""
    return db.one_or_none(_USER, user_id=user_id)


def all_posts(db: Connection, user_id: int) -> Iterator[ArchivedPost]:
    """Yield the posts of the user: published, scheduled, then drafts."""
    time: datetime | None = START_OF_TIME
    id_ = 0
    while page := db.all(_NEXT_POSTS, user_id=user_id, after_time=time, after_id=id_):
        yield from page
        time, id_ = page[-1].published_at, page[-1].id
