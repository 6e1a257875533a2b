"""The entries of change feeds: rows by the position of their last change, and posts by the time of publication."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from api.store.change_positions import Feed
from api.store.change_state import IS_FINAL
from api.store.columns import PublishedAt, Timestamp
from api.store.engine.connections import Select

CHANGED, PUBLISHED = 0, 1
"""The streams: rows by `change_position`, and posts by the time at which they become public."""
ORDER = ("stream", "position", "time", "entry_id")
AT = sa.bindparam("at", type_=PublishedAt())
NO_TIME = sa.cast(sa.null(), Timestamp)
LIMIT = sa.bindparam("entries_limit", type_=sa.BigInteger)
_POSITION = sa.tuple_(
    sa.bindparam("after_position", type_=sa.BigInteger), sa.bindparam("after_id", type_=sa.BigInteger)
)
_TIME = sa.tuple_(sa.bindparam("after_time", type_=PublishedAt()), sa.bindparam("after_time_id", type_=sa.BigInteger))
_DEFAULTS: dict[str, sa.ColumnElement[Any]] = {
    "stream": sa.literal_column(str(CHANGED), sa.Integer),
    "position": sa.cast(sa.null(), sa.BigInteger),
    "time": NO_TIME,
    "removed_at": NO_TIME,
}


class Source(NamedTuple):
    """The tables of a feed."""

    feed: Feed
    table: sa.Table
    key: sa.Column[Any]
    """What identifies a row for clients."""
    join: Callable[[sa.FromClause], sa.FromClause]
    """Joins the other tables of which a row is made."""
    removed: sa.Table
    removed_id: sa.Column[int]
    removed_key: sa.Column[Any]
    hidden_at: sa.Column[datetime] | None
    """When a row has been hidden, NULL if it has not."""
    scheduled: bool
    """Whether rows become public at their `published_at`."""


def by_id(source: Source) -> Select:
    """Return the statement that reads rows by id."""
    id_ = source.table.c.id
    return _branch(id_ > sa.bindparam("after_id", type_=sa.BigInteger), (id_,), entry_id=id_, key=source.key)


def by_change(source: Source) -> sa.Subquery:
    """Return those rows by position, and those by publication, each with a limit, without an order."""
    branches = [
        _changed(source.table.c.change_position, source.table.c.id, key=source.key),
        _changed(
            source.removed.c.change_position,
            source.removed_id,
            key=source.removed_key,
            removed_at=source.removed.c.removed_at,
        ),
    ]
    if source.scheduled:
        time, id_ = source.table.c.published_at, source.table.c.id
        stream = sa.literal_column(str(PUBLISHED), sa.Integer)
        condition = sa.and_(sa.tuple_(time, id_) > _TIME, time <= AT)
        branches.append(_branch(condition, (time, id_), stream=stream, time=time, entry_id=id_, key=source.key))
    # Each in a subquery: SQLite has no LIMIT within UNION.
    return sa.union_all(*(sa.select(branch.subquery()) for branch in branches)).subquery()


def _changed(position: sa.Column[int], id_: sa.Column[int], **columns: sa.ColumnElement[Any]) -> Select:
    condition = sa.and_(sa.tuple_(position, id_) > _POSITION, IS_FINAL)
    return _branch(condition, (position, id_), position=position, entry_id=id_, **columns)


def _branch(
    condition: sa.ColumnElement[bool], order: tuple[sa.Column[Any], ...], **columns: sa.ColumnElement[Any]
) -> Select:
    named = {**_DEFAULTS, **columns}
    names = ("stream", "position", "time", "entry_id", "key", "removed_at")
    return sa.select(*(named[name].label(name) for name in names)).where(condition).order_by(*order).limit(LIMIT)
