"""SQLAlchemy engines."""

from typing import Any

import orjson
import sqlalchemy as sa

from api.settings import InvalidSetting, Settings
from api.store.engine import sqlite
from api.store.engine.timeouts import Timeouts


def create(settings: Settings, timeouts: Timeouts) -> sa.Engine:
    """Create the engine for `settings.database_url`, without connecting.

    Raises `InvalidSetting` if the URL is invalid or its driver is not installed.
    """
    # `Replica` passes its own URL as `database_url`.
    name = "PRESSROOM_REPLICA_URL" if settings.database_url == settings.replica_url else "PRESSROOM_DATABASE_URL"
    options = {"json_deserializer": orjson.loads, "json_serializer": _json, "poolclass": sa.NullPool}
    try:
        url = sa.make_url(settings.database_url)
        create_engine = _create_sqlite if url.get_backend_name() == "sqlite" else _create_postgresql
        return create_engine(url, settings, timeouts, **options)
    except ModuleNotFoundError as error:
        raise InvalidSetting(f"{name} requires the PostgreSQL driver: run `pip install -e '.[postgresql]'`.") from error
    except sa.exc.ArgumentError as error:
        raise InvalidSetting(f"Invalid {name}: {error}.") from error
    except ValueError:
        # The error's text may hold half of a password, taken for a port.
        message = f"Invalid {name}: use postgresql+psycopg://USER@HOST:PORT/NAME, where PORT is a number."
        raise InvalidSetting(message) from None


def _create_sqlite(url: sa.URL, settings: Settings, timeouts: Timeouts, **options: Any) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": timeouts.lock_seconds}, **options)
    sqlite.configure(engine, settings.sqlite_synchronous, timeouts)
    return engine


def _create_postgresql(url: sa.URL, settings: Settings, timeouts: Timeouts, **options: Any) -> sa.Engine:
    from api.store.engine import postgresql  # noqa: PLC0415 (its driver may not be installed)

    arguments = postgresql.connect_args(settings, timeouts)
    engine = sa.create_engine(url, connect_args=arguments, isolation_level="AUTOCOMMIT", **options)
    postgresql.check_url(engine, url)
    postgresql.configure(engine, settings, timeouts)
    return engine


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
