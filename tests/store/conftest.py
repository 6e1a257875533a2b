"""The store is the same on SQLite and on PostgreSQL, so every test of it runs on both."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.settings import Settings
from api.store import users
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.users import User
from tests.conftest import numbers


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "postgresql":
        settings = Settings(database_url=request.getfixturevalue("postgresql_url"))
    database = Database(settings)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def unmade(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a database without tables, of each kind; the PostgreSQL one lives in the far east."""
    if request.param == "sqlite":
        return Settings(database_url=f"sqlite:///{tmp_path / 'new.sqlite'}")
    server, name = request.getfixturevalue("postgresql"), f"unmade_{next(numbers)}"
    server.psql(f"CREATE DATABASE {name}")
    server.psql(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'")
    return Settings(database_url=server.get_uri(name))


@pytest.fixture
def impatient(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty PostgreSQL database on which nobody waits for long."""
    monkeypatch.setattr("api.store.engine.database.PATIENCE", 0.2)
    database = Database(Settings(database_url=postgresql_url))
    yield database
    database.close()


@pytest.fixture
def db(database: Database) -> Iterator[Connection]:
    """A transaction."""
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
    """Undoes what a refused statement has done, without which PostgreSQL would refuse all others."""
    db.execute_sql("SAVEPOINT here")
    try:
        yield
    finally:
        db.execute_sql("ROLLBACK TO here")
