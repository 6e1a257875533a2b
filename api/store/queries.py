"""Helpers of the tables' modules: rows that must exist, optimistic concurrency, and constraint violations."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import sqlalchemy as sa

from api.store.engine.connections import Connection, Query, Row
from api.store.errors import NotFound, PreconditionFailed, StoreError

FOREIGN_KEY_VIOLATION = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})
"""PostgreSQL's SQLSTATE and SQLite's error name."""
UNIQUE_VIOLATION = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE"})
"""The same."""
LOCK_TIMEOUT = frozenset({"55P03"})
"""PostgreSQL's SQLSTATE. On SQLite, a transaction that writes never waits for a row."""


class Versioned(Protocol):
    """A row of a table with a `version`, which every change increments."""

    @property
    def id(self) -> int:
        """The primary key."""

    @property
    def version(self) -> int:
        """The version that was read."""


def one(db: Connection, query: Query[Row], not_found: str, **parameters: object) -> Row:
    """Return the only row; `NotFound` with the message `not_found` if there is none."""
    row = db.one_or_none(query, **parameters)
    if row is None:
        raise NotFound(not_found)
    return row


def unchanged_since_read(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition for `update_if_unchanged` and `delete_if_unchanged`."""
    return sa.and_(table.c.id == sa.bindparam("read_id"), table.c.version == sa.bindparam("read_version"))


def update_if_unchanged(db: Connection, query: Query[Row], row: Versioned, **values: object) -> Row:
    """Update `row` and return it; `PreconditionFailed` if it has been changed since it was read."""
    updated = db.one_or_none(query, read_id=row.id, read_version=row.version, **values)
    if updated is None:
        raise PreconditionFailed("It has been changed since you read it. Read it again.")
    return updated


def delete_if_unchanged(db: Connection, statement: sa.Delete, row: Versioned) -> None:
    """Delete `row`; `PreconditionFailed` if it has been changed since it was read."""
    if not db.execute(statement, read_id=row.id, read_version=row.version):
        raise PreconditionFailed("It has been changed since you read it. Read it again.")


@contextmanager
def translating(codes: frozenset[str], error: StoreError) -> Iterator[None]:
    """Raise `error` if a statement in the block fails with one of these error codes."""
    try:
        yield
    except Exception as failure:
        code = getattr(failure, "sqlstate", None) or getattr(failure, "sqlite_errorname", None)
        if code not in codes:
            raise
        raise error from failure
