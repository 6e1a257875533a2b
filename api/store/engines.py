"""SQLAlchemy's engines: how each connection begins."""

from typing import Any

import orjson
import sqlalchemy as sa

from api.settings import BadSetting, Settings
from api.store import sqlite


def create(settings: Settings, *, patience: float) -> sa.Engine:
    """The engine of the database that `settings` name; it connects to nothing yet.

    On its connections nobody waits longer than `patience`, in seconds, for a lock or to connect.
    """
    url = sa.make_url(settings.database_url)
    made = _of_sqlite if url.get_backend_name() == "sqlite" else _of_postgresql
    options = {"json_deserializer": orjson.loads, "json_serializer": _json, "poolclass": sa.NullPool}
    try:
        return made(url, settings, patience, **options)
    except ModuleNotFoundError as error:
        raise BadSetting("PRESSROOM_DATABASE_URL needs a driver: pip install -e '.[postgresql]'.") from error


def _of_sqlite(url: sa.URL, settings: Settings, patience: float, **options: Any) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": patience}, **options)
    sqlite.embed(engine, settings.sqlite_synchronous, patience=patience)
    return engine


def _of_postgresql(url: sa.URL, settings: Settings, patience: float, **options: Any) -> sa.Engine:
    from api.store import postgresql  # noqa: PLC0415 (its driver may be missing)

    told = postgresql.options(settings, patience=patience)
    engine = sa.create_engine(url, connect_args=told, isolation_level="AUTOCOMMIT", **options)
    postgresql.bound(engine, settings, patience=patience)
    return engine


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
