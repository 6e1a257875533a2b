"""The store's vocabulary: types of columns, rows, the moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from api.store.engine.connections import Connection, Process, Row
from api.store.errors import NotFound, PreconditionFailed, StoreError

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

FOREIGN_KEY = frozenset({"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"})
"""Kinds of constraints: their SQLSTATE, and SQLite's name of the error."""
LOCK_TIMEOUT = frozenset({"55P03"})
"""Somebody else holds the row: PostgreSQL's SQLSTATE. On SQLite nobody gets so far."""

RECENT = 4096
"""Moments that are not converted anew: those of the posts that came last are asked for again and again."""

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Timestamp(sa.TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond. SQLite has no time zones: there it is text without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Process:
        """What makes of a moment what the database keeps."""
        return _text if dialect.name == "sqlite" else _in_utc

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Process:
        """What makes a moment of what the database keeps."""
        return _moment if dialect.name == "sqlite" else _in_utc


class PublishedAt(Timestamp):
    """The moment of publication; None, a draft's, is kept as the end of time: NULL has no place in an order."""

    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Process:
        """What makes of a moment, or None, what the database keeps."""
        write = super().bind_processor(dialect)
        return lambda moment: write(moment or END)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Process:
        """What makes a moment, or None, of what the database keeps."""
        read = super().result_processor(dialect, coltype)
        end = super().bind_processor(dialect)(END)
        return lru_cache(maxsize=RECENT)(lambda kept: None if kept == end else read(kept))


class JSON(sa.TypeDecorator[Any]):
    """A value of JSON; PostgreSQL's driver reads it by itself."""

    impl = sa.JSON
    cache_ok = True

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Process | None:
        """What makes a value of what the database keeps."""
        if dialect.name == "sqlite":
            return lambda text: None if text is None else orjson.loads(text)
        return super().result_processor(dialect, coltype)


@lru_cache(maxsize=RECENT)
def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if moment else None


@lru_cache(maxsize=RECENT)
def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{text}+00:00") if text else None


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


def now() -> datetime:
    """This moment, as it will be read back."""
    return datetime.now(UTC)


def one(db: Connection, statement: sa.Select[Any], refusal: str, **parameters: object) -> Row:
    """The only row of `statement`; `NotFound`, with `refusal` as its sentence, if there is none."""
    row = db.one_or_none(statement, **parameters)
    if row is None:
        raise NotFound(refusal)
    return row


def unchanged_since_read(table: sa.Table) -> sa.ColumnElement[bool]:
    """The condition of statements for `change`: that the row is still the version which was read."""
    return sa.and_(table.c.id == sa.bindparam("read_id"), table.c.version == sa.bindparam("read_version"))


def change(db: Connection, statement: sa.Update | sa.Delete, row: Row, **values: object) -> None:
    """Change or delete `row`; `PreconditionFailed`, and nothing is done, if it is not `as_read` any more."""
    if not db.execute(statement, read_id=row.id, read_version=row.version, **values):
        raise PreconditionFailed("It has been changed meanwhile. Read it again.")


@contextmanager
def translating(violation: frozenset[str], refusal: StoreError) -> Iterator[None]:
    """Raise `refusal` if the statement inside fails in that way."""
    try:
        yield
    except Exception as error:
        broken = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
        if broken not in violation:
            raise
        raise refusal from error
