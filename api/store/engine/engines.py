"""SQLAlchemy's engines: how each connection begins."""

from typing import Any

import orjson
import sqlalchemy as sa

from api.settings import InvalidSetting, Settings
from api.store.engine import sqlite


def create(settings: Settings, *, patience: float) -> sa.Engine:
    """The engine of the database that `settings` name; it connects to nothing yet.

    No connection waits longer than `patience`, in seconds, for a lock or to connect. `InvalidSetting` if it is invalid.
    """
    # A replica's settings are the primary's, but for that one URL is where the other was.
    name = "PRESSROOM_REPLICA_URL" if settings.database_url == settings.replica_url else "PRESSROOM_DATABASE_URL"
    options = {"json_deserializer": orjson.loads, "json_serializer": _json, "poolclass": sa.NullPool}
    try:
        url = sa.make_url(settings.database_url)
        made = _of_sqlite if url.get_backend_name() == "sqlite" else _of_postgresql
        return made(url, settings, patience, **options)
    except ModuleNotFoundError as error:
        raise InvalidSetting(f"{name} needs a driver: pip install -e '.[postgresql]'.") from error
    except sa.exc.ArgumentError as error:
        raise InvalidSetting(f"{name} cannot be read: {error}.") from error
    except ValueError:
        # What it says is not repeated: what is no port may be half of a password.
        told = f"{name} cannot be read. Write postgresql+psycopg://USER@HOST:PORT/NAME, where PORT is a number."
        raise InvalidSetting(told) from None


def _of_sqlite(url: sa.URL, settings: Settings, patience: float, **options: Any) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": patience}, **options)
    sqlite.embed(engine, settings.sqlite_synchronous, patience=patience)
    return engine


def _of_postgresql(url: sa.URL, settings: Settings, patience: float, **options: Any) -> sa.Engine:
    from api.store.engine import postgresql  # noqa: PLC0415 (its driver may be missing)

    told = postgresql.options(settings, patience=patience)
    engine = sa.create_engine(url, connect_args=told, isolation_level="AUTOCOMMIT", **options)
    postgresql.check(engine, url)
    postgresql.bound(engine, settings, patience=patience)
    return engine


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
