"""Keyset pagination: the last page costs what the first one does, and a page of large rows is short."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate, chain, islice, takewhile, tee
from typing import Any, Generic, NamedTuple, Protocol, cast

import sqlalchemy as sa

from api import constraints
from api.json import dumps
from api.store.columns import END_OF_TIME, START_OF_TIME
from api.store.engine.connections import Connection, Query, Row, Select

_MICROSECOND = timedelta(microseconds=1)
_MAX_MICROSECONDS = (END_OF_TIME - START_OF_TIME) // _MICROSECOND
NAMES_BYTES = 512
"""More than the names and URLs take in the JSON of a row."""
_SMALL_PAGE_CHARACTERS = (constraints.PAGE_MAX_BYTES - (constraints.PAGE_SIZE_MAX + 1) * 8192) // 6
"""Characters of large columns that fit into any page: `\\u0001` takes 6 bytes, the rest of a row under 8192."""


class _Identified(Protocol):
    id: int


class Page(NamedTuple, Generic[Row]):
    """Rows of a list, and the cursor of the next page; None on the last."""

    rows: Sequence[Row]
    next_cursor: str | None


class PagedQuery(Generic[Row]):
    """Keyset pagination by (timestamp, id), descending, of a query that has the position and the limit as parameters.

    With `characters`, which counts those of a row's large columns, a page has at most `PAGE_MAX_BYTES`, and is not read
    any further; on PostgreSQL, unless the query uses `fitting`, it is read to its end.
    """

    def __init__(self, query: Query[Row], timestamp: str, *, characters: Callable[[Row], int] | None = None) -> None:
        """`timestamp` is the name of the property of a row by which the query sorts them."""
        self._query = query
        self._timestamp = timestamp
        self._until_full = partial(until_full, characters) if characters else None

    def page(
        self, db: Connection, *, limit: int, cursor: str | None, until: datetime = END_OF_TIME, **parameters: object
    ) -> Page[Row]:
        """Return at most `limit` rows after `cursor`, or from the start if None; no row is later than `until`."""
        timestamp, id_ = start_position(cursor, until)
        parameters.update(page_timestamp=timestamp, page_id=id_, page_limit=limit + 1)
        if self._until_full:
            rows, number = db.read(self._until_full, self._query, **parameters)
            limit = min(limit, number)
        else:
            rows = db.all(self._query, **parameters)
        if len(rows) <= limit:
            return Page(rows, None)
        last = rows[limit - 1]
        timestamp, id_ = getattr(last, self._timestamp), cast("_Identified", last).id
        return Page(rows[:limit], encode_cursor(timestamp or END_OF_TIME, id_))


class NewestFirst(PagedQuery[Row]):
    """Pages of the rows of a statement by (timestamp, id), descending; `large` is the column that makes rows large."""

    def __init__(
        self,
        row_type: type[Row],
        statement: Select,
        timestamp: sa.Column[datetime],
        id_: sa.Column[int],
        *,
        characters: Callable[[Row], int] | None = None,
        large: sa.Column[str] | None = None,
        key: str = "",
    ) -> None:
        """`key` is the attribute of a row with the timestamp, unless it has the name of the column."""
        key = key or timestamp.key
        after = statement.where(is_after_position(timestamp, id_))
        page = after.order_by(timestamp.desc(), id_.desc()).limit(sa.bindparam("page_limit"))
        postgresql = None if large is None else fitting(page, timestamp, id_, large=large)
        super().__init__(Query(row_type, page, postgresql=postgresql), key, characters=characters)


def fitting(
    statement: Select,
    timestamp: sa.Column[datetime],
    id_: sa.Column[int],
    *,
    large: sa.Column[str] | None,
) -> Select:
    """Return the statement, newest first; if a column is large, without most rows that do not fit into a page."""
    newest_first = timestamp.desc(), id_.desc()
    if large is None:
        return statement.order_by(None).order_by(*newest_first)
    position = timestamp.label("position_timestamp")
    rows = statement.add_columns(preceding_bytes(large, newest_first), position).subquery()
    return (
        sa.select(*(rows.c[name] for name in statement.selected_columns.keys()))  # noqa: SIM118 (not a dictionary)
        .where(sa.func.coalesce(rows.c.preceding_bytes, 0) < constraints.PAGE_MAX_BYTES)
        .order_by(rows.c.position_timestamp.desc(), rows.c.id.desc())
    )


def is_after_position(timestamp: sa.ColumnElement[datetime], id_: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Return the condition of rows that follow the position `page_timestamp`, `page_id`, newest first."""
    position = sa.tuple_(sa.bindparam("page_timestamp", type_=timestamp.type), sa.bindparam("page_id", type_=id_.type))
    return sa.tuple_(timestamp, id_) < position


def preceding_bytes(large: sa.ColumnElement[str], order: Sequence[sa.ColumnElement[Any]]) -> sa.Label[Any]:
    """Return the column by which PostgreSQL, which sends all rows at once, ends a page itself.

    JSON is longer than the text, so two more rows than fit into `PAGE_MAX_BYTES` are enough.
    """
    return sa.func.sum(sa.func.octet_length(large)).over(order_by=order, rows=(None, -2)).label("preceding_bytes")


def until_full(characters: Callable[[Row], int], rows: Iterator[Row]) -> tuple[list[Row], int]:
    """Return rows, and how many of them fit into `PAGE_MAX_BYTES`, at least one; if not all, there is one more."""
    counted, rows = tee(rows)
    small = len([*takewhile(_SMALL_PAGE_CHARACTERS.__ge__, accumulate(map(characters, counted)))])
    read = [*islice(rows, small + 1)]
    if len(read) == small:
        return read, small
    # They may be larger, so they are measured. Usually it does not come to that.
    size, measured = 0, list[Row]()
    for row in chain(read, rows):
        measured.append(row)
        size += len(dumps([*row])) + NAMES_BYTES
        if size > constraints.PAGE_MAX_BYTES and len(measured) > 1:
            return measured, len(measured) - 1
    return measured, len(measured)


def start_position(cursor: str | None, until: datetime) -> tuple[datetime, int]:
    """Return the position after which a page starts; no row is later than `until`."""
    start = until, constraints.ID_MAX + 1
    return min(start, _decode_cursor(cursor)) if cursor else start


def encode_cursor(timestamp: datetime, id_: int) -> str:
    """Encode a position as microseconds since the year 1, then the id, in hexadecimal."""
    return f"{(timestamp - START_OF_TIME) // _MICROSECOND:016x}{id_:016x}"


def _decode_cursor(cursor: str) -> tuple[datetime, int]:
    """Decode a cursor; a row need not exist at its position."""
    microseconds, id_ = int(cursor[:16], 16), int(cursor[16:], 16)
    return START_OF_TIME + min(microseconds, _MAX_MICROSECONDS) * _MICROSECOND, id_
