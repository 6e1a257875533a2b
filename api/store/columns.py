"""Column types, the metadata of all tables, and the clock."""

import random
from datetime import UTC, datetime

import orjson
import sqlalchemy as sa

from api import constraints
from api.store.engine.connections import Processor

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

START_OF_TIME = datetime.min.replace(tzinfo=UTC)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Revision = sa.String(constraints.REVISION_LENGTH)


class Timestamp(sa.TypeDecorator[datetime]):
    """A datetime in UTC, to the microsecond. SQLite has no time zones: there it is text without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Processor:
        """Return the function that converts a parameter."""
        return _to_text if dialect.name == "sqlite" else _to_utc

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Processor:
        """Return the function that converts a column of a row."""
        return _from_text if dialect.name == "sqlite" else _to_utc


class PublishedAt(Timestamp):
    """The time of publication. None, a draft's, is stored as the end of time, because NULL has no defined order."""

    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Processor:
        """Return the function that converts a parameter."""
        return _published_to_text if dialect.name == "sqlite" else _published_to_utc

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Processor:
        """Return the function that converts a column of a row."""
        return _published_from_text if dialect.name == "sqlite" else _published_from_utc


class CommentsState(sa.TypeDecorator[str]):
    """Whether a post is `open` or `closed` for comments, stored as whether it is closed.

    SQLite has 0 and 1 in the head of a row, so that it need not read the body, which precedes the column.
    """

    impl = sa.Boolean
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Processor:
        """Return the function that converts a parameter."""
        return "closed".__eq__

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Processor:
        """Return the function that converts a column of a row."""
        return {None: None, False: "open", True: "closed"}.__getitem__


class JSON(sa.TypeDecorator[object]):
    """A JSON value. PostgreSQL's driver writes and parses it by itself."""

    impl = sa.JSON
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Processor | None:
        """Return the function that converts a parameter."""
        if dialect.name == "sqlite":
            return lambda value: orjson.dumps(value).decode()
        return super().bind_processor(dialect)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Processor | None:
        """Return the function that converts a column of a row."""
        if dialect.name == "sqlite":
            return lambda text: None if text is None else orjson.loads(text)
        return super().result_processor(dialect, coltype)


def _to_text(value: datetime | None) -> str | None:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if value else None


def _from_text(text: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{text}+00:00") if text else None


def _to_utc(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC) if value else None


_END_OF_TIME_TEXT = _to_text(END_OF_TIME)


def _published_to_text(value: datetime | None) -> str:
    return (value or END_OF_TIME).astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _published_from_text(text: str | None) -> datetime | None:
    return None if text is None or text == _END_OF_TIME_TEXT else datetime.fromisoformat(f"{text}+00:00")


def _published_to_utc(value: datetime | None) -> datetime:
    return value.astimezone(UTC) if value else END_OF_TIME


def _published_from_utc(value: datetime | None) -> datetime | None:
    return None if value is None or value == END_OF_TIME else value.astimezone(UTC)


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def new_revision() -> str:
    """Return a random revision: a counter would repeat itself after a restore or a failover, unnoticed by clients."""
    # Not secret: reading random bytes from the operating system would cost a thread switch per request.
    return f"{random.getrandbits(4 * constraints.REVISION_LENGTH):0{constraints.REVISION_LENGTH}x}"
