"""All that is kept, to take away and bring back."""

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
_ALIKE = sa.select(sa.func.count()).where(
    posts.c.author_id == sa.bindparam("author_id"),
    posts.c.title == sa.bindparam("title"),
    posts.c.published_at == sa.bindparam("published_at"),
)


def everyone(db: Connection) -> Iterable[Row]:
    """Every user, who came first first."""
    return db.execute(_EVERYONE)


def everything(db: Connection) -> Iterable[Row]:
    """Every post, drafts too, in the order in which they were written."""
    return db.execute(_EVERYTHING)


def alike(db: Connection, author_id: int, title: str, published_at: datetime | None) -> int:
    """How many posts have that author, title and moment of publication."""
    parameters = {"author_id": author_id, "title": title, "published_at": published_at}
    return db.execute(_ALIKE, parameters).scalar_one()
