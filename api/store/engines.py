"""SQLAlchemy's engines: how each connection begins."""

from typing import Any

import orjson
import sqlalchemy as sa

from api.settings import BadSetting, Settings
from api.store import sqlite


def create(settings: Settings, *, patience: float) -> sa.Engine:
    """The engine of the database that `settings` name; it connects to nothing yet.

    On its connections nobody waits longer than `patience`, in seconds.
    """
    url = sa.make_url(settings.database_url)
    embedded = url.get_backend_name() == "sqlite"
    options = {"connect_args": {"timeout": patience}} if embedded else _of_postgresql(patience)
    try:
        engine = sa.create_engine(
            url,
            poolclass=sa.NullPool,
            json_deserializer=orjson.loads,
            json_serializer=_json,
            **options,
        )
    except ModuleNotFoundError as error:
        raise BadSetting("PRESSROOM_DATABASE_URL needs a driver: pip install -e '.[postgresql]'.") from error
    if embedded:
        sqlite.embed(engine, settings.sqlite_synchronous, patience=patience)
    return engine


def _of_postgresql(patience: float) -> dict[str, Any]:
    # In UTC, because Python's last moment does not exist further east.
    session = f"-c timezone=UTC -c lock_timeout={patience}s -c statement_timeout={2 * patience}s"
    return {
        "isolation_level": "AUTOCOMMIT",
        "connect_args": {"connect_timeout": patience, "options": session},
    }


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
