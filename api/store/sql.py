"""The store's vocabulary: types of columns, rows, the moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from api.store.errors import NotFound, Stale, StoreError

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


START = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)

UNIQUE = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE"})
FOREIGN_KEY = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})
"""Kinds of constraints: their SQLSTATE, and SQLite's name of the error."""
LOCK_TIMEOUT = frozenset({"55P03"})
"""Somebody else holds the row: PostgreSQL's SQLSTATE. On SQLite nobody gets so far."""

Connection: TypeAlias = sa.Connection
Row: TypeAlias = sa.Row[*tuple[Any, ...]]
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Timestamp(sa.TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond. SQLite has no time zones: there it is kept without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The moment as the database keeps it."""
        return value.astimezone(UTC).replace(tzinfo=None) if value and dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The moment with its zone."""
        if value and dialect.name == "sqlite":
            return value.replace(tzinfo=UTC)
        return value and value.astimezone(UTC)


class PublishedAt(Timestamp):
    """The moment of publication; None, a draft's, is kept as the end of time: NULL has no place in an order."""

    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The moment as the database keeps it."""
        return super().process_bind_param(value or END, dialect)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The moment, or None for a draft."""
        moment = super().process_result_value(value, dialect)
        return None if moment == END else moment


def now() -> datetime:
    """This moment, as it will be read back."""
    return datetime.now(UTC)


def one(db: Connection, statement: sa.Select[Any], refusal: str, **parameters: object) -> Row:
    """The only row of `statement`; `NotFound`, with `refusal` as its sentence, if there is none."""
    row = db.execute(statement, parameters).one_or_none()
    if row is None:
        raise NotFound(refusal)
    return row


def as_read(table: sa.Table) -> sa.ColumnElement[bool]:
    """The condition of statements for `change`: that the row is still the version which was read."""
    return sa.and_(table.c.id == sa.bindparam("read_id"), table.c.version == sa.bindparam("read_version"))


def change(db: Connection, statement: sa.Update | sa.Delete, row: Row, **values: object) -> None:
    """Change or delete `row`; `Stale`, and nothing is done, if it is not `as_read` any more."""
    if not db.execute(statement, {"read_id": row.id, "read_version": row.version, **values}).rowcount:
        raise Stale("It has been changed meanwhile. Read it again.")


@contextmanager
def refusing(violation: frozenset[str], refusal: StoreError) -> Iterator[None]:
    """Raise `refusal` if the statement inside fails in that way."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        broken = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
        if broken not in violation:
            raise
        raise refusal from error
