"""What each user has written on the current day, in UTC: one row per user, reset by the first write of another day."""

from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.store.columns import Id, metadata, now
from api.store.engine.connections import Connection, Query
from api.store.sweeping import Sweep, Transact

# Without a foreign key: deleting the row of a user who is writing, after that of the user, could end in a deadlock.
usage = sa.Table(
    "usage",
    metadata,
    sa.Column("user_id", Id, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("posts", sa.Integer, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)


class Usage(NamedTuple):
    """The posts that a user has created today, and the bytes of the bodies that the user has sent."""

    posts: int
    bytes: int


# SQLite has the same syntax.
_INSERT = insert(usage)
_IS_SAME_DAY = usage.c.day == _INSERT.excluded.day
_ADD = Query(
    Usage,
    _INSERT.on_conflict_do_update(
        index_elements=[usage.c.user_id],
        set_={
            "day": _INSERT.excluded.day,
            **{
                name: sa.case((_IS_SAME_DAY, usage.c[name]), else_=0) + _INSERT.excluded[name] for name in Usage._fields
            },
        },
    ).returning(*(usage.c[name] for name in Usage._fields)),
)
_SWEEP = Sweep(usage, usage.c.day < sa.bindparam("today", type_=sa.Date))


def add(db: Connection, *, user_id: int, posts: int, size: int) -> Usage:
    """Add posts and bytes to today's usage of the user, and return it.

    The row stays locked until the transaction ends, so that concurrent requests of the user are counted one by one.
    """
    [today] = db.all(_ADD, user_id=user_id, day=_today(), posts=posts, bytes=size)
    return today


def sweep(transact: Transact) -> int:
    """Delete the usage of earlier days; return of how many users."""
    return _SWEEP.run(transact, today=_today())


def _today() -> date:
    return now().date()
