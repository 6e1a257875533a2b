"""The statements that read change feeds: each reads the state of the feed and a page of entries in one snapshot."""

from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from api import constraints
from api.store.change_positions import Feed
from api.store.change_state import IS_FINAL, State, select_state
from api.store.columns import PublishedAt, Timestamp
from api.store.engine.connections import Query, Select
from api.store.pages import preceding_bytes

CHANGED, PUBLISHED = 0, 1
"""The streams: rows by `change_position`, and posts by the time at which they become public."""
FIELDS = (*State._fields, "public_until", "stream", "position", "time", "entry_id", "key", "withdrawn_at")
"""The fields before those of the row. All but the state's are None if there is no entry.

`public_until` is the latest time at which a post has become public, in the walk of posts.
"""
AnyRow: TypeAlias = Any
RowType: TypeAlias = type[tuple[Any, ...]]
"""A NamedTuple."""
_AT = sa.bindparam("at", type_=PublishedAt())
_LIMIT = sa.bindparam("entries_limit", type_=sa.BigInteger)
_POSITION = sa.tuple_(
    sa.bindparam("after_position", type_=sa.BigInteger), sa.bindparam("after_id", type_=sa.BigInteger)
)
_TIME = sa.tuple_(sa.bindparam("after_time", type_=PublishedAt()), sa.bindparam("after_time_id", type_=sa.BigInteger))
_DEFAULTS: dict[str, sa.ColumnElement[Any]] = {
    "stream": sa.literal_column(str(CHANGED), sa.Integer),
    "position": sa.cast(sa.null(), sa.BigInteger),
    "time": sa.cast(sa.null(), Timestamp),
    "removed_at": sa.cast(sa.null(), Timestamp),
}
_ORDER = ("stream", "position", "time", "entry_id")


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
    scheduled: bool
    """Whether rows become public at their `published_at`."""


def walk(source: Source, row_type: RowType, columns: Select) -> Query[AnyRow]:
    """Return the statement that reads rows by id."""
    id_ = source.table.c.id
    branch = _branch(id_ > sa.bindparam("after_id", type_=sa.BigInteger), (id_,), entry_id=id_, key=source.key)
    public_until: sa.ColumnElement[Any] = _DEFAULTS["time"]
    if source.scheduled:
        published_at = source.table.c.published_at
        latest = sa.select(sa.func.max(published_at, type_=Timestamp())).where(published_at <= _AT)
        public_until = latest.scalar_subquery()
    return _query(source, row_type, columns, branch.subquery("entries"), public_until)


def delta(source: Source, row_type: RowType, columns: Select) -> Query[AnyRow]:
    """Return the statement that reads rows by position, then those that have become public."""
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
        condition = sa.and_(sa.tuple_(time, id_) > _TIME, time <= _AT)
        branches.append(_branch(condition, (time, id_), stream=stream, time=time, entry_id=id_, key=source.key))
    # Each in a subquery: SQLite has no LIMIT within UNION.
    union = sa.union_all(*(sa.select(branch.subquery()) for branch in branches)).subquery()
    entries = sa.select(union).order_by(*(union.c[name] for name in _ORDER)).limit(_LIMIT)
    return _query(source, row_type, columns, entries.subquery("entries"), _DEFAULTS["time"])


def _changed(position: sa.Column[int], id_: sa.Column[int], **columns: sa.ColumnElement[Any]) -> Select:
    condition = sa.and_(sa.tuple_(position, id_) > _POSITION, IS_FINAL)
    return _branch(condition, (position, id_), position=position, entry_id=id_, **columns)


def _branch(
    condition: sa.ColumnElement[bool], order: tuple[sa.Column[Any], ...], **columns: sa.ColumnElement[Any]
) -> Select:
    named = {**_DEFAULTS, **columns}
    names = ("stream", "position", "time", "entry_id", "key", "removed_at")
    return sa.select(*(named[name].label(name) for name in names)).where(condition).order_by(*order).limit(_LIMIT)


def _query(
    source: Source, row_type: RowType, columns: Select, entries: sa.Subquery, public_until: sa.ColumnElement[Any]
) -> Query[AnyRow]:
    fields = getattr(row_type, "_fields", ())
    names = [*FIELDS, *fields]
    page, postgresql = (
        _page(source, _row(source, fields, columns), entries, public_until, is_sqlite=is_sqlite)
        for is_sqlite in (True, False)
    )
    return Query[AnyRow](namedtuple("Entry", names), page, postgresql=postgresql)


def _page(
    source: Source,
    row: dict[str, sa.ColumnElement[Any]],
    entries: sa.Subquery,
    public_until: sa.ColumnElement[Any],
    *,
    is_sqlite: bool,
) -> Select:
    state = select_state(source.feed, is_sqlite=is_sqlite)
    from_: sa.FromClause = state.outerjoin(entries, sa.true())
    is_wanted = source.key == entries.c.key
    if is_sqlite:
        # The order is that of the entries, whose rows are looked up one after the other.
        from_ = source.join(from_.outerjoin(source.table, is_wanted))
    else:
        # Otherwise, PostgreSQL may read all rows, and choose among them.
        labelled = (column.label(name) for name, column in row.items())
        rows = sa.select(*labelled).select_from(source.join(source.table)).where(is_wanted).limit(1).lateral("found")
        from_ = from_.outerjoin(rows, sa.true())
        row = {name: rows.c[name] for name in row}
    withdrawn_at = sa.func.coalesce(entries.c.removed_at, row.pop("was_public_until"))
    selected: dict[str, sa.ColumnElement[Any]] = {
        **{name: state.c[name] for name in State._fields},
        "public_until": public_until,
        **{name: entries.c[name] for name in (*_ORDER, "key")},
        "withdrawn_at": withdrawn_at,
        **row,
    }
    page = sa.select(*(column.label(name) for name, column in selected.items())).select_from(from_)
    if is_sqlite:
        return page
    order = [entries.c[name] for name in _ORDER]
    if "body" not in row:
        return page.order_by(*order)
    all_rows = page.add_columns(preceding_bytes(row["body"], order)).subquery()
    return (
        sa.select(*(all_rows.c[name] for name in selected))
        .where(sa.func.coalesce(all_rows.c.preceding_bytes, 0) < constraints.PAGE_MAX_BYTES)
        .order_by(*(all_rows.c[name] for name in _ORDER))
    )


def _row(source: Source, fields: tuple[str, ...], columns: Select) -> dict[str, sa.ColumnElement[Any]]:
    """Return the columns of a row; without the body if it is not public."""
    row: dict[str, sa.ColumnElement[Any]] = {name: columns.selected_columns[name] for name in fields}
    if not source.scheduled:
        return {**row, "was_public_until": sa.cast(sa.null(), Timestamp)}
    posts = source.table.c
    if "body" in row:
        row["body"] = sa.case((posts.published_at <= _AT, posts.body))
    return {**row, "was_public_until": sa.case((posts.published_at > _AT, posts.was_public_until))}
