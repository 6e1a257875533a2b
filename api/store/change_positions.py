"""The positions of changes: by them, clients of a change feed learn what has changed since they read it last.

Not by time: a transaction may commit long after the time that it has stored, and clocks are set back. On PostgreSQL, a
position is the id of the transaction; all below the oldest one that is open are final. SQLite has one writer at a time,
so a position is the highest one before, plus one.
"""

from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from api import constraints
from api.store.columns import Id, Timestamp, metadata

Feed: TypeAlias = Literal["posts", "users"]

removed_posts = sa.Table(
    "removed_posts",
    metadata,
    sa.Column("post_id", Id, primary_key=True, autoincrement=False),
    sa.Column("change_position", sa.BigInteger, nullable=False),
    sa.Column("removed_at", Timestamp, nullable=False),
    sa.Index(None, "change_position", "post_id"),
)
removed_users = sa.Table(
    "removed_users",
    metadata,
    sa.Column("username", sa.String(constraints.USERNAME_MAX_LENGTH), primary_key=True),
    sa.Column("user_id", Id, nullable=False),
    sa.Column("change_position", sa.BigInteger, nullable=False),
    sa.Column("removed_at", Timestamp, nullable=False),
    sa.Index(None, "change_position", "user_id"),
)
sync_epochs = sa.Table(
    "sync_epochs",
    metadata,
    sa.Column("feed", sa.String(5), primary_key=True),
    sa.Column("first_position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.String(16), nullable=False),
    # The last removal that has been swept: a client that has not read it would never learn of it.
    sa.Column("swept_position", sa.BigInteger, nullable=False),
    sa.Column("swept_id", sa.BigInteger, nullable=False),
)

XID = "CAST(CAST({} AS text) AS bigint)"
"""A transaction id of PostgreSQL as a number."""


class DialectSQL(sa.ColumnElement[Any]):
    """An expression that differs between SQLite and PostgreSQL; `:name` is a parameter."""

    inherit_cache = False

    def __init__(self, *, sqlite: str, postgresql: str, type_: sa.types.TypeEngine[Any]) -> None:
        self.sqlite, self.postgresql, self.type = sqlite, postgresql, type_


@compiles(DialectSQL)
def _compile(element: DialectSQL, compiler: SQLCompiler, **_: object) -> str:
    return compiler.process(sa.text(element.sqlite if compiler.dialect.name == "sqlite" else element.postgresql))


def last_position(feed: Feed, *, below: str = "") -> str:
    """Return the SQL of the highest position in a feed, 0 if there is none."""
    condition = f" WHERE change_position < {below}" if below else ""
    highest = (
        f"coalesce((SELECT max(change_position) FROM {table}{condition}), 0)"  # noqa: S608 (constants)
        for table in (feed, f"removed_{feed}")
    )
    return f"{'greatest' if below else 'max'}({', '.join(highest)})"


def next_position(feed: Feed) -> DialectSQL:
    """Return the position of a change that the current transaction makes."""
    return DialectSQL(
        sqlite=f"({last_position(feed)} + 1)", postgresql=XID.format("pg_current_xact_id()"), type_=sa.BigInteger()
    )


def record_removal(removed: sa.Table, key: list[str], rows: sa.Select[Any]) -> Insert:
    """Return the statement that stores the removal of `rows`, again if a row of that key was removed before."""
    statement = insert(removed).from_select([column.name for column in removed.c], rows)
    # SQLite has the same syntax.
    return statement.on_conflict_do_update(
        index_elements=key,
        set_={column.name: statement.excluded[column.name] for column in removed.c if not column.primary_key},
    )
