"""SQL to export a single user."""

from collections import namedtuple
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from api.store.archive import POSTS_PER_QUERY, ArchivedPost, archived_posts
from api.store.columns import START_OF_TIME, PublishedAt
from api.store.engine.connections import Connection, Query
from api.store.posts_table import posts
from api.store.users import users


class ExportedUser(NamedTuple):
    """A user in their own export: users who can export it are not suspended."""

    username: str
    display_name: str
    bio: str
    revision: str
    created_at: datetime
    updated_at: datetime


# Where a list has the post, in whose order they are read: it has those that a suspension withholds at the end.
_ROW_TYPE: Any = namedtuple("ListedPost", [*ArchivedPost._fields, "listed_at"])  # type: ignore[misc]  # no literals

_USER = Query(
    ExportedUser,
    sa.select(*(users.c[name] for name in ExportedUser._fields)).where(users.c.id == sa.bindparam("user_id")),
)
_TIME = sa.bindparam("time", type_=PublishedAt())
_OF_USER = (
    archived_posts.add_columns(posts.c.published_at.label("listed_at"))
    .where(posts.c.author_id == sa.bindparam("user_id"))
    .limit(POSTS_PER_QUERY)
)
# In the order of an index. Two queries, because SQLite would seek only the time, which all drafts have in common.
_AT_TIME = Query[Any](
    _ROW_TYPE,
    _OF_USER.where(posts.c.published_at == _TIME, posts.c.id > sa.bindparam("last_id")).order_by(posts.c.id),
)
_AFTER_TIME = Query[Any](
    _ROW_TYPE, _OF_USER.where(posts.c.published_at > _TIME).order_by(posts.c.published_at, posts.c.id)
)


def find_user(db: Connection, user_id: int) -> ExportedUser | None:
    """Return the user; None if there is none."""
    return db.one_or_none(_USER, user_id=user_id)


def all_posts(db: Connection, user_id: int) -> Iterator[ArchivedPost]:
    """Yield the posts of the user: published, scheduled, then drafts and those that a suspension withholds."""
    time: datetime | None = START_OF_TIME
    last_id = 0
    while page := (
        db.all(_AT_TIME, user_id=user_id, time=time, last_id=last_id) or db.all(_AFTER_TIME, user_id=user_id, time=time)
    ):
        yield from (ArchivedPost(*post[:-1]) for post in page)
        time, last_id = page[-1].listed_at, page[-1].id
