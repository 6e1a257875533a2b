"""The cost of requests, in instructions relative to a bare Flask route, and in SQL statements."""

import importlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.http.application import Application
from api.http.authentication import hash_token, new_token
from api.store import credentials, posts, tokens, tokens_use, users
from api.store.columns import now
from tests.support.instructions import count_instructions
from tests.support.paths import PROJECT_ROOT

POST: dict[str, Any] = {"title": "Notes on the engine", "body": "It *weaves* patterns. " * 23, "tags": ["engines"]}
Workload = Callable[[Application], Callable[[], Any]]
"""Returns the function that sends the request."""


@pytest.fixture
def app(build: Callable[..., Application], tmp_path: Path) -> Application:
    """Pressroom with an access log, as in production, and with thirty posts."""
    return with_posts(build(access_log=str(tmp_path / "access.log")))


@pytest.fixture
def app_on_postgresql(build: Callable[..., Application], tmp_path: Path, postgresql_url: str) -> Application:
    return with_posts(build(access_log=str(tmp_path / "access.log"), database_url=postgresql_url))


def with_posts(app: Application) -> Application:
    timestamp = now()
    with app.database.write() as db:
        for username in ("ada", "bob"):
            users.register(db, username=username, password_hash="hash")
        for number in range(30):
            posts.publish(db, author_id=1 + number % 2, published_at=timestamp, **POST)
    return app


def sign_in(app: Application) -> dict[str, str]:
    """Return the header field with a token of ada's, whose `last_used_at` need not be updated."""
    token = new_token()
    with app.database.write() as db:
        ada = credentials.get(db, "ada")
        row = tokens.create(
            db,
            user_id=ada.id,
            password_hash=ada.password_hash,
            name="",
            sha256=hash_token(token),
            lifetime=timedelta(days=1),
        )
        tokens_use.touch(db, row.id)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def bare_flask(app: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """The bare Flask application of the benchmarks, on the same database."""
    with import_bare_flask(monkeypatch, str(tmp_path / "pressroom.sqlite"), "raw") as bare_flask:
        yield bare_flask


@pytest.fixture
def bare_flask_on_postgresql(
    app_on_postgresql: Application, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Application]:
    with import_bare_flask(monkeypatch, postgresql_url, "raw_postgresql") as bare_flask:
        yield bare_flask


@contextmanager
def import_bare_flask(monkeypatch: pytest.MonkeyPatch, database: str, module: str) -> Iterator[Application]:
    monkeypatch.setenv("BENCH_DATABASE", database)
    monkeypatch.syspath_prepend(str(PROJECT_ROOT / "benchmarks" / "peers"))
    yield importlib.import_module("bare_flask").app
    sys.modules[module]._local.db.close()
    for name in {"bare_flask", "raw", "common", module}:
        del sys.modules[name]


@pytest.fixture
def workloads(app: Application) -> dict[str, Workload]:
    return workloads_of(app)


def workloads_of(signed_in: Application) -> dict[str, Workload]:
    """Return the workloads of the benchmarks, with a token of that application."""
    authorization = sign_in(signed_in)

    def conditional(app: Application) -> Callable[[], Any]:
        etag = app.test_client().get("/posts/7").headers["ETag"]
        return lambda: app.test_client().get("/posts/7", headers={"If-None-Match": etag})

    return {
        "W1": lambda app: lambda: app.test_client().get("/posts/7"),
        "W2": lambda app: lambda: app.test_client().get("/posts?expand=body"),
        "W3": lambda app: lambda: app.test_client().post("/posts", json=POST, headers=authorization),
        "W4": conditional,
    }


@pytest.mark.parametrize(("workload", "limit"), [("W1", 1.08), ("W2", 1.32), ("W3", 1.51), ("W4", 1.14)])
def test_a_request_costs_little_more_than_a_bare_flask_route(
    app: Application, bare_flask: Application, workloads: dict[str, Workload], workload: str, limit: float
) -> None:
    assert_costs_less(app, bare_flask, workloads[workload], limit, is_read=workload in ("W1", "W2"))


@pytest.mark.parametrize(("workload", "limit"), [("W1", 1.07), ("W2", 1.35), ("W3", 1.48), ("W4", 1.14)])
def test_a_request_costs_little_more_than_a_bare_flask_route_on_postgresql(
    app_on_postgresql: Application, bare_flask_on_postgresql: Application, workload: str, limit: float
) -> None:
    send = workloads_of(app_on_postgresql)[workload]
    is_read = workload in ("W1", "W2")
    assert_costs_less(app_on_postgresql, bare_flask_on_postgresql, send, limit, is_read=is_read)


def assert_costs_less(app: Application, bare: Application, send: Workload, limit: float, *, is_read: bool) -> None:
    request, bare_request = send(app), send(bare)
    assert count_instructions(app, request) / count_instructions(bare, bare_request) < limit
    response, expected = request(), bare_request()
    assert response.status_code == expected.status_code
    if is_read:
        assert response.json == expected.json


@pytest.mark.parametrize(
    ("workload", "commands"),
    [
        ("W1", ["SELECT"]),
        ("W2", ["SELECT"]),
        ("W3", ["SELECT", "BEGIN", "SELECT", "INSERT", "INSERT", "INSERT", "INSERT", "COMMIT"]),
        ("W4", ["SELECT"]),
    ],
)
def test_a_request_executes_few_statements(
    app: Application, workloads: dict[str, Workload], workload: str, commands: list[str]
) -> None:
    request = workloads[workload](app)
    executed: list[str] = []

    def add(statement: str) -> None:
        # FTS5 executes statements of its own, after which the one that started its trigger is reported again.
        is_own = not statement.startswith(("--", "PRAGMA")) and "post_search_" not in statement
        if is_own and statement not in executed:
            executed.append(statement)

    def trace(driver: sqlite3.Connection, _: object) -> None:
        driver.set_trace_callback(add)

    sa.event.listen(app.database.engine, "connect", trace)
    app.database.close()  # so that the request opens a new connection, which is traced
    request()
    assert [statement.split(maxsplit=1)[0] for statement in executed] == commands


@pytest.mark.parametrize("path", ["/posts/7", "/posts?expand=body", "/posts?limit=30", "/users", "/about"])
def test_head_costs_no_more_than_get_and_has_the_same_header_fields(app: Application, path: str) -> None:
    get, head = (partial(app.test_client().open, path, method=method) for method in ("GET", "HEAD"))
    assert count_instructions(app, head) <= count_instructions(app, get) * 1.01
    names = ("ETag", "Content-Length", "Content-Type", "Cache-Control", "Link")
    assert [head().headers.get(name) for name in names] == [get().headers.get(name) for name in names]
