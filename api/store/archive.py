"""All that is kept, to take away and bring back."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from api.store.engine.connections import Connection, Row
from api.store.posts import posts
from api.store.users import users

_EVERYONE = sa.select(users.c.username, users.c.display_name, users.c.bio).order_by(users.c.id)
_EVERYTHING = (
    sa.select(
        posts.c.id, users.c.username.label("author"), posts.c.title, posts.c.body, posts.c.tags, posts.c.published_at
    )
    .join_from(posts, users)
    .where(posts.c.id > sa.bindparam("last"))
    .order_by(posts.c.id)
    .limit(100)
)
# Who publishes locks the table before they draw from the sequence: while it is set, nobody does.
_RESERVE = "LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE"
_ADVANCE = (
    sa.text("SELECT setval('posts_id_seq', greatest(:highest, last_value)) AS last_value FROM posts_id_seq")
    .bindparams(sa.bindparam("highest", type_=sa.BigInteger))
    .columns(last_value=sa.BigInteger)
)
_TITLES = sa.select(posts.c.published_at, posts.c.title).where(posts.c.author_id == sa.bindparam("author_id"))


def all_users(db: Connection) -> Sequence[Row]:
    """Every user, who came first first."""
    return db.all(_EVERYONE)


def all_posts(db: Connection) -> Iterator[Row]:
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
