"""Keyset pagination: the last page costs what the first one does."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple

import sqlalchemy as sa

from api import constraints
from api.store.columns import END_OF_TIME, START_OF_TIME
from api.store.engine.connections import Connection, Query, Row

_MICROSECOND = timedelta(microseconds=1)
_MAX_MICROSECONDS = (END_OF_TIME - START_OF_TIME) // _MICROSECOND


class Page(NamedTuple, Generic[Row]):
    """Rows of a list, and the cursor of the next page; None on the last."""

    rows: Sequence[Row]
    next_cursor: str | None


class NewestFirst(Generic[Row]):
    """Keyset pagination by (timestamp, id), descending."""

    def __init__(
        self, row_type: type[Row], statement: sa.Select[Any], timestamp: sa.Column[datetime], id_: sa.Column[int]
    ) -> None:
        self._timestamp = timestamp.key
        position = sa.tuple_(
            sa.bindparam("page_timestamp", type_=timestamp.type), sa.bindparam("page_id", type_=id_.type)
        )
        self._query = Query(
            row_type,
            statement.where(sa.tuple_(timestamp, id_) < position)
            .order_by(timestamp.desc(), id_.desc())
            .limit(sa.bindparam("page_limit")),
        )

    def page(
        self, db: Connection, *, limit: int, cursor: str | None, until: datetime = END_OF_TIME, **parameters: object
    ) -> Page[Row]:
        """Return at most `limit` rows after `cursor`, or from the start if None; no row is later than `until`."""
        start = until, constraints.ID_MAX + 1
        timestamp, id_ = min(start, _decode_cursor(cursor)) if cursor else start
        rows = db.all(self._query, page_timestamp=timestamp, page_id=id_, page_limit=limit + 1, **parameters)
        if len(rows) <= limit:
            return Page(rows, None)
        last: Any = rows[limit - 1]
        return Page(rows[:limit], _encode_cursor(getattr(last, self._timestamp) or END_OF_TIME, last.id))


def _encode_cursor(timestamp: datetime, id_: int) -> str:
    """Encode a position as microseconds since the year 1, then the id, in hexadecimal."""
    return f"{(timestamp - START_OF_TIME) // _MICROSECOND:016x}{id_:016x}"


def _decode_cursor(cursor: str) -> tuple[datetime, int]:
    """Decode a cursor; a row need not exist at its position."""
    microseconds, id_ = int(cursor[:16], 16), int(cursor[16:], 16)
    return START_OF_TIME + min(microseconds, _MAX_MICROSECONDS) * _MICROSECOND, id_
