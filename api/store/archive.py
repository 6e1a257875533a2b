"""All that is kept, to take away and bring back."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from api.store.posts import posts
from api.store.sql import Connection, Row
from api.store.users import users

_EVERYONE = sa.select(users.c.username, users.c.display_name, users.c.bio).order_by(users.c.id)
_EVERYTHING = (
    sa.select(users.c.username.label("author"), posts.c.title, posts.c.body, posts.c.tags, posts.c.published_at)
    .join_from(posts, users)
    .order_by(posts.c.id)
    .execution_options(yield_per=100)
)
_TITLES = (
    sa.select(posts.c.title, sa.func.count().label("posts"))
    .where(
        posts.c.author_id == sa.bindparam("author_id"),
        posts.c.published_at == sa.bindparam("published_at"),
    )
    .group_by(posts.c.title)
)


def everyone(db: Connection) -> Iterable[Row]:
    """Every user, who came first first."""
    return db.execute(_EVERYONE)


def everything(db: Connection) -> Iterable[Row]:
    """Every post, drafts too, in the order in which they were written."""
    return db.execute(_EVERYTHING)


def titles(db: Connection, author_id: int, published_at: datetime | None) -> Counter[str]:
    """The titles of the author's posts of that moment (None: their drafts), each with how many posts have it."""
    rows = db.execute(_TITLES, {"author_id": author_id, "published_at": published_at})
    return Counter({row.title: row.posts for row in rows})
