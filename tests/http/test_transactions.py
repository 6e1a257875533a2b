"""One request, one transaction."""

import gc
import threading
import weakref

import pytest
import sqlalchemy as sa
from flask import request_started

from api.http.application import Application, Request, current_request
from api.resources import users
from api.store import posts_tags
from tests.contract.catalogue import QUERIES, arrange
from tests.support.clients import Client, password_hash
from tests.support.problems import assert_problem


@pytest.fixture
def statements(app: Application) -> list[str]:
    """Return the list to which the SQL statements of the application are appended."""
    executed: list[str] = []
    database = app.database
    sa.event.listen(database.engine, "connect", lambda driver, _: driver.set_trace_callback(executed.append))
    database.close()
    return executed


@pytest.fixture
def _ten_posts(ada: Client) -> None:
    for number in range(10):
        ada.post("/posts", {"title": str(number), "body": "b", "tags": ["x", "y"]})


@pytest.mark.usefixtures("_ten_posts")
@pytest.mark.parametrize("path", QUERIES)
@pytest.mark.sqlite
def test_a_read_is_one_statement(anyone: Client, ada: Client, statements: list[str], path: str) -> None:
    arrange(ada)
    statements.clear()
    assert anyone.get(path).status_code == 200
    assert len(statements) == 1


@pytest.mark.usefixtures("_ten_posts")
@pytest.mark.sqlite
def test_a_token_costs_one_more_statement(ada: Client, statements: list[str]) -> None:
    ada.get("/posts?author=ada")
    assert len(statements) == 2


@pytest.mark.sqlite
def test_rejected_requests_begin_no_transaction(anyone: Client, ada: Client, statements: list[str]) -> None:
    ada.get("/me")  # updates the token's last use, once a minute
    statements.clear()
    anyone.post("/posts", {"title": "t", "body": "b"})
    ada.post("/posts", {"title": 1})
    assert not any(statement.startswith("BEGIN") for statement in statements)


@pytest.mark.sqlite
def test_a_password_is_hashed_before_the_transaction_begins(
    anyone: Client, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before_hashing: list[str] = []

    def spy(_password: str) -> str:
        before_hashing.extend(statements)
        return password_hash()

    monkeypatch.setattr(users, "hash_password", spy)
    assert anyone.post("/users", {"username": "ada", "password": "12345678"}).status_code == 201
    assert before_hashing == []
    assert "BEGIN IMMEDIATE" in statements


@pytest.mark.sqlite
def test_a_failed_request_is_rolled_back(app: Application, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(posts_tags, "add", fail)
    assert_problem(ada.post("/posts", {"title": "t", "body": "b"}), 500)
    monkeypatch.undo()
    assert ada.get("/posts").json == {"items": [], "next_cursor": None}


def test_acknowledged_posts_are_stored(ada: Client, app: Application) -> None:
    titles = [f"{thread}.{number}" for thread in range(4) for number in range(5)]

    def publish(thread: int) -> None:
        for number in range(5):
            assert ada.post("/posts", {"title": f"{thread}.{number}", "body": "b"}).status_code == 201

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = ada.get("/posts?limit=100").json
    assert stored
    assert sorted(post["title"] for post in stored["items"]) == titles


def test_a_request_that_writes_is_freed_without_a_garbage_collection(app: Application, ada: Client) -> None:
    references: list[weakref.ref[Request]] = []

    def remember(_app: Application, **_: object) -> None:
        references.append(weakref.ref(current_request()))

    gc.disable()
    try:
        with request_started.connected_to(remember, app):
            assert ada.post("/posts", {"title": "t", "body": "b"}).status_code == 201
        assert [reference() for reference in references] == [None]
    finally:
        gc.enable()
