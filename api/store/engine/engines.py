"""SQLAlchemy engines."""

from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from api.settings import InvalidSetting, Settings
from api.store.engine.sqlite_file import SQLiteFile
from api.store.engine.timeouts import Timeouts

SQLITE_PREFIX = "sqlite:///"


def create(settings: Settings, timeouts: Timeouts) -> tuple[sa.Engine, SQLiteFile | None]:
    """Create the engine for `settings.database_url`, without connecting; on SQLite, return the file, too.

    Raises `InvalidSetting` if the URL is invalid or its driver is not installed.
    """
    options = {"json_deserializer": orjson.loads, "json_serializer": _json, "poolclass": sa.NullPool}
    if settings.database_url.startswith(SQLITE_PREFIX):
        # The rest is a path as it is: an URL would end at `?`.
        file = SQLiteFile(
            Path(settings.database_url.removeprefix(SQLITE_PREFIX)), settings.sqlite_synchronous, timeouts
        )
        return sa.create_engine("sqlite://", creator=file.connect, **options), file
    # `Replica` passes its own URL as `database_url`.
    name = "PRESSROOM_REPLICA_URL" if settings.database_url == settings.replica_url else "PRESSROOM_DATABASE_URL"
    try:
        return _create_postgresql(sa.make_url(settings.database_url), settings, timeouts, **options), None
    except ModuleNotFoundError as error:
        raise InvalidSetting(f"{name} requires the PostgreSQL driver: run `pip install 'psycopg[binary]'`.") from error
    except sa.exc.ArgumentError as error:
        raise InvalidSetting(f"Invalid {name}: {error}.") from error
    except ValueError:
        # The error's text may hold half of a password, taken for a port.
        message = f"Invalid {name}: use postgresql+psycopg://USER@HOST:PORT/NAME, where PORT is a number."
        raise InvalidSetting(message) from None


def _create_postgresql(url: sa.URL, settings: Settings, timeouts: Timeouts, **options: Any) -> sa.Engine:
    from api.store.engine import postgresql  # noqa: PLC0415 (its driver may not be installed)

    arguments = postgresql.connect_args(settings, timeouts)
    # For parameters without names, the driver does less.
    options["paramstyle"] = "format"
    engine = sa.create_engine(url, connect_args=arguments, isolation_level="AUTOCOMMIT", **options)
    postgresql.check_url(engine, url)
    postgresql.configure(engine, settings, timeouts)
    return engine


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
