"""Rows of statements that only tests execute."""

from collections import namedtuple
from typing import Any

from api.store.engine.connections import Connection, Query, Statement


def select_rows(db: Connection, statement: Statement, **parameters: object) -> list[Any]:
    """Return the rows of any statement."""
    row_type = namedtuple("Row", map(str, statement.exported_columns.keys()))  # type: ignore[misc] # known only now
    return db.all(Query(row_type, statement), **parameters)
