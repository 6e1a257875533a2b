"""Fixtures for the store. Most tests run on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.settings import Settings
from api.store import users
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.engine.timeouts import Timeouts
from api.store.users import User
from tests.conftest import numbers


@pytest.fixture(params=["sqlite", "postgresql"])
def database_settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings for an empty database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return settings
    return Settings(database_url=request.getfixturevalue("postgresql_url"))


@pytest.fixture
def database(database_settings: Settings) -> Iterator[Database]:
    """An empty database, on SQLite and on PostgreSQL."""
    database = Database(database_settings)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings for a database without tables, on SQLite and on PostgreSQL (with the time zone of Tokyo)."""
    if request.param == "sqlite":
        (tmp_path / "new.sqlite").touch()
        return Settings(database_url=f"sqlite:///{tmp_path / 'new.sqlite'}")
    server, name = request.getfixturevalue("postgresql"), f"unmigrated_{next(numbers)}"
    server.psql(f"CREATE DATABASE {name}")
    server.psql(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'")
    return Settings(database_url=server.get_uri(name))


@pytest.fixture
def impatient(postgresql_url: str) -> Iterator[Database]:
    """An empty PostgreSQL database with a short lock timeout."""
    database = Database(Settings(database_url=postgresql_url), timeouts=Timeouts(lock_seconds=0.2))
    yield database
    database.close()


@pytest.fixture
def db(database: Database) -> Iterator[Connection]:
    """A connection in a transaction."""
    with database.write() as connection:
        yield connection


@pytest.fixture
def ada(db: Connection) -> User:
    return users.register(db, username="ada", password_hash="hash")


@pytest.fixture
def bob(db: Connection) -> User:
    return users.register(db, username="bob", password_hash="hash")


@contextmanager
def savepoint(db: Connection) -> Iterator[None]:
    """Roll back the block's statements: after one that fails, PostgreSQL rejects all others of the transaction."""
    db.execute_sql("SAVEPOINT here")
    try:
        yield
    finally:
        db.execute_sql("ROLLBACK TO here")
