"""SQL to export complete sites."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query
from api.store.posts_table import PUBLISHED_AT, posts
from api.store.queries import one
from api.store.users import users


class ArchivedUser(NamedTuple):
    """A user in an archive; `id` is not archived."""

    id: int
    username: str
    display_name: str
    bio: str
    revision: str
    created_at: datetime
    updated_at: datetime
    suspended_at: datetime | None


class ArchivedPost(NamedTuple):
    """A post in an archive."""

    id: int
    author: str
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


_USERS = sa.select(*(users.c[name] for name in ArchivedUser._fields))
ROWS_PER_QUERY = 1_000
_NEXT_USERS = Query(
    ArchivedUser, _USERS.where(users.c.id > sa.bindparam("last_id")).order_by(users.c.id).limit(ROWS_PER_QUERY)
)
_USER_BY_NAME = Query(ArchivedUser, _USERS.where(users.c.username == sa.bindparam("by_username")))
USER_REMOVED = "The user {!r} was removed during the export. Run it again."
POSTS_PER_QUERY = 20
"""Each takes up to 1 MiB, and several times that while it is encoded."""
archived_posts = sa.select(
    posts.c.id,
    users.c.username.label("author"),
    *(PUBLISHED_AT.label(name) if name == "published_at" else posts.c[name] for name in ArchivedPost._fields[2:]),
).join_from(posts, users)
_NEXT_POSTS = Query(
    ArchivedPost,
    archived_posts.where(posts.c.id > sa.bindparam("last_id")).order_by(posts.c.id).limit(POSTS_PER_QUERY),
)


def read_all(db: Connection, query: Query[Any]) -> Iterator[Any]:
    """Yield the rows of a query, which has the next ones after `last_id`."""
    last_id = 0
    while page := db.all(query, last_id=last_id):
        yield from page
        last_id = page[-1].id


def all_users(db: Connection) -> Iterator[ArchivedUser]:
    """Yield all users, oldest first."""
    return read_all(db, _NEXT_USERS)


def find_user(db: Connection, username: str) -> ArchivedUser:
    """Return the user of a record; `NotFound` if they have been removed since that was read."""
    return one(db, _USER_BY_NAME, USER_REMOVED.format(username), by_username=username)


def all_posts(db: Connection) -> Iterator[ArchivedPost]:
    """Yield all posts, drafts included, in the order of their ids."""
    return read_all(db, _NEXT_POSTS)
