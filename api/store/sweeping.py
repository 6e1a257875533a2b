"""Deletion of rows that have expired: a few in requests, all of them in short transactions by `pressroom db sweep`."""

from collections import namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query

MAX_ROWS_IN_REQUEST = 100
"""Rows that a request deletes besides its own work. There is one more row per request at most, so none pile up."""
ROWS_PER_TRANSACTION = 1_000
"""Rows that one transaction of a sweep examines: SQLite has one writer at a time, and the others wait."""

Transact: TypeAlias = Callable[[Callable[[Connection], Any]], Any]
"""`Database.transact`."""


class Sweep:
    """Deletes all rows of a table that meet a condition, by walking along the primary key."""

    def __init__(self, table: sa.Table, condition: sa.ColumnElement[bool]) -> None:
        columns = list(table.primary_key.columns)
        key = sa.tuple_(*columns)
        after, until = (
            sa.tuple_(*(sa.bindparam(f"{place}_{column.name}", type_=column.type) for column in columns))
            for place in ("after", "until")
        )
        self._names = [column.name for column in columns]
        self._first = [-1 if isinstance(column.type.as_generic(), sa.Integer) else "" for column in columns]
        self._keys = Query[Any](
            namedtuple("Key", self._names),
            sa.select(*columns).where(key > after).order_by(*columns).limit(ROWS_PER_TRANSACTION),
        )
        self._delete = sa.delete(table).where(key > after, key <= until, condition)

    def run(self, transact: Transact, **parameters: object) -> int:
        """Delete the rows, and return how many."""
        after: Any = self._first
        deleted = 0
        while after:
            number, after = transact(partial(self._delete_next, after=after, parameters=parameters))
            deleted += number
        return deleted

    def _delete_next(self, db: Connection, *, after: Any, parameters: dict[str, object]) -> tuple[int, Any]:
        lower = {f"after_{name}": value for name, value in zip(self._names, after, strict=True)}
        keys = db.all(self._keys, **lower)
        if not keys:
            return 0, None
        upper = {f"until_{name}": value for name, value in zip(self._names, keys[-1], strict=True)}
        return db.execute(self._delete, **lower, **upper, **parameters), keys[-1]
