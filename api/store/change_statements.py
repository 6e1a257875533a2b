"""The statements that read change feeds: each reads the state of the feed and a page of entries in one snapshot."""

from collections import namedtuple
from typing import Any, TypeAlias

import sqlalchemy as sa

from api import constraints
from api.store.change_entries import AT, LIMIT, NO_TIME, ORDER, Source, by_change, by_id
from api.store.change_state import State, select_state
from api.store.columns import Timestamp
from api.store.engine.connections import Query, Select
from api.store.pages import preceding_bytes

FIELDS = (*State._fields, "public_until", "stream", "position", "time", "entry_id", "key", "withdrawn_at")
"""The fields before those of the row. All but the state's are None if there is no entry.

`public_until` is the latest time at which a post has become public, in the walk of posts.
"""
AnyRow: TypeAlias = Any
RowType: TypeAlias = type[tuple[Any, ...]]
"""A NamedTuple."""


def walk(source: Source, row_type: RowType, columns: Select) -> Query[AnyRow]:
    """Return the statement that reads rows by id."""
    public_until: sa.ColumnElement[Any] = NO_TIME
    if source.scheduled:
        published_at = source.table.c.published_at
        latest = sa.select(sa.func.max(published_at, type_=Timestamp())).where(published_at <= AT)
        public_until = latest.scalar_subquery()
    return _query(source, row_type, columns, by_id(source).subquery("entries"), public_until)


def delta(source: Source, row_type: RowType, columns: Select) -> Query[AnyRow]:
    """Return the statement that reads rows by position, then those that have become public."""
    union = by_change(source)
    entries = sa.select(union).order_by(*(union.c[name] for name in ORDER)).limit(LIMIT)
    return _query(source, row_type, columns, entries.subquery("entries"), NO_TIME)


def first_of_delta(source: Source) -> Query[AnyRow]:
    """Return the statement that reads only the state and the id of an entry, if there is one: no rows."""
    names = [*State._fields, "public_until", "entry_id"]
    id_ = sa.select(by_change(source).c.entry_id).limit(1).scalar_subquery()
    fields = NO_TIME.label("public_until"), id_.label("entry_id")
    statement, postgresql = (
        sa.select(*select_state(source.feed, is_sqlite=is_sqlite).c, *fields) for is_sqlite in (True, False)
    )
    return Query[AnyRow](namedtuple("First", names), statement, postgresql=postgresql)


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
        **{name: entries.c[name] for name in (*ORDER, "key")},
        "withdrawn_at": withdrawn_at,
        **row,
    }
    page = sa.select(*(column.label(name) for name, column in selected.items())).select_from(from_)
    if is_sqlite:
        return page
    order = [entries.c[name] for name in ORDER]
    if "body" not in row:
        return page.order_by(*order)
    all_rows = page.add_columns(preceding_bytes(row["body"], order)).subquery()
    return (
        sa.select(*(all_rows.c[name] for name in selected))
        .where(sa.func.coalesce(all_rows.c.preceding_bytes, 0) < constraints.PAGE_MAX_BYTES)
        .order_by(*(all_rows.c[name] for name in ORDER))
    )


def _row(source: Source, fields: tuple[str, ...], columns: Select) -> dict[str, sa.ColumnElement[Any]]:
    """Return the columns of a row; without the body if it is not public."""
    row: dict[str, sa.ColumnElement[Any]] = {name: columns.selected_columns[name] for name in fields}
    if source.hidden_at is not None:
        # Without a time of the change, it is not public.
        row["updated_at"] = sa.case((source.hidden_at.is_(None), row["updated_at"]))
        return {**row, "was_public_until": source.hidden_at}
    posts = source.table.c
    row["published_at"] = posts.published_at  # not the time of a post that is withheld
    if "body" in row:
        row["body"] = sa.case((posts.published_at <= AT, posts.body))
    return {**row, "was_public_until": sa.case((posts.published_at > AT, posts.was_public_until))}
