"""The server that `TEST_POSTGRESQL_URL` names, on which suites run instead of on one that they start."""

import inspect
import os
import re
from collections.abc import Iterable
from itertools import count
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from api.settings import Settings
from api.store.engine.database import Database

VARIABLE = "TEST_POSTGRESQL_URL"
LACKING = (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported, psycopg.errors.SyntaxError)
"""What a server raises that does not permit, or does not know, what a test needs."""
TEMPLATE = "pressroom_test_template"


def url() -> str | None:
    """Return the URL of the server that was given; None if the tests start their own."""
    return os.environ.get(VARIABLE)


class GivenServer:
    """A server of which only a database is known, from which others are created and dropped."""

    def __init__(self, given: str) -> None:
        self._url = sa.make_url(given).set(drivername="postgresql")
        self._numbers = count()
        self._created: set[str] = set()
        self.psql(f"CREATE DATABASE {TEMPLATE}")
        self._migrate(TEMPLATE)

    def get_uri(self, name: str | None = None) -> str:
        """Return the URL of the given database, or of another one on the server."""
        name = TEMPLATE if name == "template" else name
        return self._url.set(database=name or self._url.database).render_as_string(hide_password=False)

    def psql(self, sql: str) -> None:
        """Execute a statement; skip the test if the server does not support it."""
        try:
            self._execute(sql)
        except LACKING as error:
            pytest.skip(f"the given server says: {error}")

    def create(self) -> str:
        """Create a database with empty tables, and return its URL."""
        name = f"pressroom_test_{next(self._numbers)}"
        try:
            self._execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        except LACKING:  # such as CockroachDB
            self._execute(f"CREATE DATABASE {name}")
            self._migrate(name)
        return self.get_uri(name)

    def cleanup(self) -> None:
        """Drop all databases that were created."""
        for name in self._created:
            self._drop(name)

    def _execute(self, sql: str) -> None:
        for name in re.findall(r"CREATE DATABASE (\w+)", sql):
            self._drop(name)  # of a run that was killed
            self._created.add(name)
        with psycopg.connect(self.get_uri(), autocommit=True) as db:
            db.execute(sql.encode())

    def _drop(self, name: str) -> None:
        with psycopg.connect(self.get_uri(), autocommit=True) as db:
            try:
                db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            except LACKING:
                db.execute(f"DROP DATABASE IF EXISTS {name}".encode())

    def _migrate(self, name: str) -> None:
        database = Database(Settings(database_url=self.get_uri(name)))
        database.upgrade()
        database.close()

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"the given server has no {name}")


def skip_others(items: Iterable[pytest.Item]) -> None:
    """Skip tests of SQLite, and those that change the server itself."""
    for item in items:
        changes_server = "postgresql" in inspect.signature(getattr(item, "function", item.runtest)).parameters
        if "[sqlite" in item.nodeid or changes_server or item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason=f"{VARIABLE} is set: not about a server that is given"))
