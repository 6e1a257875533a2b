"""Helpers of the tables' modules: rows that must exist, optimistic concurrency, and constraint violations."""

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Protocol

import sqlalchemy as sa

from api.store.columns import new_revision, now
from api.store.engine.connections import Connection, Query, Row
from api.store.errors import NotFound, PreconditionFailed, StoreError

FOREIGN_KEY_VIOLATION = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})
"""PostgreSQL's SQLSTATE and SQLite's error name."""
UNIQUE_VIOLATION = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE"})
"""The same."""
LOCK_TIMEOUT = frozenset({"55P03"})
"""PostgreSQL's SQLSTATE. On SQLite, a transaction that writes never waits for a row."""


class Revised(Protocol):
    """A row of a table with a `revision`, which every change replaces."""

    @property
    def id(self) -> int:
        """The primary key."""

    @property
    def revision(self) -> str:
        """The revision that was read."""


def one(db: Connection, query: Query[Row], not_found: str, **parameters: object) -> Row:
    """Return the only row; `NotFound` with the message `not_found` if there is none."""
    row = db.one_or_none(query, **parameters)
    if row is None:
        raise NotFound(not_found)
    return row


def unchanged_since_read(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition for `update_if_unchanged` and `delete_if_unchanged`."""
    return sa.and_(table.c.id == sa.bindparam("read_id"), table.c.revision == sa.bindparam("read_revision"))


def differing(row: Row, values: Mapping[str, object]) -> dict[str, object]:
    """Return the values that are not those of the row."""
    return {name: value for name, value in values.items() if getattr(row, name) != value}


def time_of_change(created_at: datetime) -> datetime:
    """Return the current time, or `created_at` if the clock is behind it: set back, or that of another server."""
    return max(now(), created_at)


def update_if_unchanged(db: Connection, query: Query[Row], row: Revised, **values: object) -> Row:
    """Update `row` with a new revision and return it; `PreconditionFailed` if it has been changed since it was read."""
    read = {"read_id": row.id, "read_revision": row.revision}
    updated = db.one_or_none(query, **read, revision=new_revision(), **values)
    if updated is None:
        raise PreconditionFailed("It has been changed since you read it. Read it again.")
    return updated


def delete_if_unchanged(db: Connection, statement: sa.Delete, row: Revised) -> None:
    """Delete `row`; `PreconditionFailed` if it has been changed since it was read."""
    if not db.execute(statement, read_id=row.id, read_revision=row.revision):
        raise PreconditionFailed("It has been changed since you read it. Read it again.")


class translating:  # noqa: N801 (used like a function of contextlib, whose generators cost three times as much)
    """Raise `error` if a statement in the block fails with one of these error codes."""

    def __init__(self, codes: frozenset[str], error: StoreError) -> None:
        self._codes = codes
        self._error = error

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, _: object, failure: BaseException | None, traceback: TracebackType | None) -> None:
        """Raise the error in place of the driver's."""
        code = failure and (getattr(failure, "sqlstate", None) or getattr(failure, "sqlite_errorname", None))
        if code in self._codes:
            raise self._error from failure
