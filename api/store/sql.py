"""The store's vocabulary: types of columns, rows, the moment."""

from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from api.store.errors import NotFound

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

Connection: TypeAlias = sa.Connection
Row: TypeAlias = sa.Row[*tuple[Any, ...]]
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Timestamp(sa.TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond. SQLite has no time zones: there it is kept without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The moment as the database keeps it."""
        return value.replace(tzinfo=None) if value and dialect.name == "sqlite" else value

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
