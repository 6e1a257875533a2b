"""What a request costs, beside a bare Flask route that does the same: counted, not timed, as machines differ."""

import importlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import sqlalchemy as sa

from api.http.application import Application
from api.http.authentication import hash_token, new_token
from api.store import credentials, posts, tokens, users
from api.store.columns import now
from tests.support.paths import PROJECT_ROOT

POST: dict[str, Any] = {"title": "Notes on the engine", "body": "It *weaves* patterns. " * 23, "tags": ["engines"]}
Ask = Callable[[Application], Any]


@pytest.fixture
def kept(build: Callable[..., Application], tmp_path: Path) -> tuple[Application, dict[str, str]]:
    """Pressroom as it is shipped, with thirty posts, and the header field of who may publish more."""
    app = build(access_log=str(tmp_path / "access.log"))
    token, moment = new_token(), now()
    with app.database.write() as db:
        for name in ("ada", "bob"):
            users.register(db, username=name, password_hash="hash")
        for number in range(30):
            posts.publish(db, author_id=1 + number % 2, published_at=moment, **POST)
        proven = credentials.get(db, "ada")
        row = tokens.create(
            db,
            user_id=proven.id,
            password_hash=proven.password_hash,
            name="",
            sha256=hash_token(token),
            expires_at=moment + timedelta(days=1),
        )
        tokens.touch(db, row.id)
    return app, {"Authorization": f"Bearer {token}"}


@pytest.fixture
def bare(kept: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """The bare Flask application of the benchmarks, on the same database."""
    peers = ("bare_flask", "raw", "common")
    monkeypatch.setenv("BENCH_DATABASE", str(tmp_path / "pressroom.sqlite"))
    monkeypatch.syspath_prepend(str(PROJECT_ROOT / "benchmarks" / "peers"))
    yield importlib.import_module("bare_flask").app
    sys.modules["raw"]._local.db.close()
    for name in peers:
        del sys.modules[name]


@pytest.fixture
def works(kept: tuple[Application, dict[str, str]]) -> dict[str, Ask]:
    """The works of the benchmarks."""
    _, signed_in = kept

    def unchanged(app: Application) -> Any:
        tag = app.test_client().get("/posts/7").headers["ETag"]
        return lambda: app.test_client().get("/posts/7", headers={"If-None-Match": tag})

    return {
        "W1": lambda app: lambda: app.test_client().get("/posts/7"),
        "W2": lambda app: lambda: app.test_client().get("/posts?expand=body"),
        "W3": lambda app: lambda: app.test_client().post("/posts", json=POST, headers=signed_in),
        "W4": unchanged,
    }


def instructions(app: Application, request: Callable[[], Any]) -> int:
    """How many instructions of Python the application runs for a request, if nothing else happens to be due."""
    for _ in range(10):  # every connection is made, every statement compiled
        request()
    count = 0

    def step(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return step

    served, before = app.wsgi_app, sys.gettrace()

    def traced(environ: Any, start_response: Any) -> Any:
        sys.settrace(step)
        try:
            return served(environ, start_response)
        finally:
            sys.settrace(before)

    app.wsgi_app = traced  # type: ignore[method-assign] # the test client's own cost does not count
    counts = []
    for _ in range(3):
        count = 0
        request()
        counts.append(count)
    app.wsgi_app = served  # type: ignore[method-assign]
    return min(counts)


@pytest.mark.parametrize(("work", "limit"), [("W1", 1.16), ("W2", 1.45), ("W3", 1.66), ("W4", 1.21)])
def test_a_request_costs_little_more_than_a_bare_route(
    kept: tuple[Application, object], bare: Application, works: dict[str, Ask], work: str, limit: float
) -> None:
    ours, theirs = (works[work](app) for app in (kept[0], bare))
    assert instructions(kept[0], ours) / instructions(bare, theirs) < limit
    answered, expected = ours(), theirs()
    assert answered.status_code == expected.status_code
    if work in ("W1", "W2"):
        assert answered.json == expected.json


@pytest.mark.parametrize(
    ("work", "verbs"),
    [
        ("W1", ["SELECT"]),
        ("W2", ["SELECT"]),
        ("W3", ["SELECT", "BEGIN", "INSERT", "INSERT", "COMMIT"]),
        ("W4", ["SELECT"]),
    ],
)
def test_a_request_takes_few_statements(
    kept: tuple[Application, object], works: dict[str, Ask], work: str, verbs: list[str]
) -> None:
    app = kept[0]
    request = works[work](app)
    seen: list[str] = []

    def trace(driver: sqlite3.Connection, _: object) -> None:
        driver.set_trace_callback(lambda statement: seen.append(statement.split()[0]))

    database = app.database
    sa.event.listen(database.engine, "connect", trace)
    database.close()
    request()
    assert seen == verbs
