"""All that is kept, to take away and bring back."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query
from api.store.posts import posts
from api.store.users import users


class ArchivedUser(NamedTuple):
    """A user in an archive."""

    username: str
    display_name: str
    bio: str


class ArchivedPost(NamedTuple):
    """A post in an archive."""

    id: int
    author: str
    title: str
    body: str
    tags: list[str]
    published_at: datetime | None


class _Title(NamedTuple):
    published_at: datetime | None
    title: str


class _Sequence(NamedTuple):
    last_value: int


_EVERYONE = Query(ArchivedUser, sa.select(users.c.username, users.c.display_name, users.c.bio).order_by(users.c.id))
_EVERYTHING = Query(
    ArchivedPost,
    sa.select(
        posts.c.id, users.c.username.label("author"), posts.c.title, posts.c.body, posts.c.tags, posts.c.published_at
    )
    .join_from(posts, users)
    .where(posts.c.id > sa.bindparam("last"))
    .order_by(posts.c.id)
    .limit(100),
)
# Who publishes locks the table before they draw from the sequence: while it is set, nobody does.
_RESERVE = "LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE"
_ADVANCE = Query(
    _Sequence,
    sa.text("SELECT setval('posts_id_seq', greatest(:highest, last_value)) AS last_value FROM posts_id_seq")
    .bindparams(sa.bindparam("highest", type_=sa.BigInteger))
    .columns(last_value=sa.BigInteger),
)
_TITLES = Query(
    _Title, sa.select(posts.c.published_at, posts.c.title).where(posts.c.author_id == sa.bindparam("author_id"))
)


def all_users(db: Connection) -> Sequence[ArchivedUser]:
    """Every user, who came first first."""
    return db.all(_EVERYONE)


def all_posts(db: Connection) -> Iterator[ArchivedPost]:
    """Every post, drafts too, in the order in which they were written."""
    last = 0
    while page := db.all(_EVERYTHING, last=last):
        yield from page
        last = page[-1].id


def reserve_ids(db: Connection, highest: int) -> None:
    """Let this transaction alone give ids to posts, and those to come be above `highest`.

    On PostgreSQL; on SQLite, whoever writes is alone, and the next id is above all that there have been.
    """
    db.execute_sql(_RESERVE)
    db.all(_ADVANCE, highest=highest)


def titles(db: Connection, author_id: int) -> Counter[tuple[datetime | None, str]]:
    """The moment (None for a draft) and title of each of the author's posts, with how many posts have both."""
    return Counter((row.published_at, row.title) for row in db.all(_TITLES, author_id=author_id))
