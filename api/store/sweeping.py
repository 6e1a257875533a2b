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
        after = sa.tuple_(*(sa.bindparam(f"after_{column.name}", type_=column.type) for column in columns))
        self._names = [column.name for column in columns]
        self._first = tuple(-1 if isinstance(column.type.as_generic(), sa.Integer) else "" for column in columns)
        self._rows = Query[Any](
            namedtuple("Row", [*self._names, "meets_condition"]),
            sa.select(*columns, condition.label("meets_condition"))
            .where(sa.tuple_(*columns) > after)
            .order_by(*columns)
            .limit(ROWS_PER_TRANSACTION),
        )
        # By their keys, and with a condition that no index serves: by another one, PostgreSQL may read many more rows.
        self._delete = sa.delete(table).where(
            *(column == sa.bindparam(f"old_{column.name}", type_=column.type) for column in columns),
            sa.case((condition, sa.true()), else_=sa.false()),
        )

    def run(self, transact: Transact, **parameters: object) -> int:
        """Delete the rows, and return how many."""
        after: Any = self._first
        deleted = 0
        while after:
            number, after = transact(partial(self._delete_next, after=after, parameters=parameters))
            deleted += number
        return deleted

    def _delete_next(self, db: Connection, *, after: Any, parameters: dict[str, object]) -> tuple[int, Any]:
        rows = db.all(self._rows, **self._named("after", after), **parameters)
        old = [self._named("old", row) | parameters for row in rows if row.meets_condition]
        return db.execute_many(self._delete, old) if old else 0, rows[-1][:-1] if rows else None

    def _named(self, prefix: str, key: Any) -> dict[str, object]:
        return {f"{prefix}_{name}": value for name, value in zip(self._names, key, strict=False)}
