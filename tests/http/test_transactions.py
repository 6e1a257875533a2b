"""One request, one transaction."""

import threading

import pytest
import sqlalchemy as sa

from api.http.application import Application
from api.resources import users
from api.store import posts_tags
from tests.support.clients import Client, password_hash
from tests.support.problems import assert_problem


@pytest.fixture
def statements(app: Application) -> list[str]:
    """The SQL that the application runs."""
    seen: list[str] = []
    database = app.database
    sa.event.listen(database.engine, "connect", lambda driver, _: driver.set_trace_callback(seen.append))
    database.close()
    return seen


@pytest.fixture
def _ten_posts(ada: Client) -> None:
    for number in range(10):
        ada.post("/posts", {"title": str(number), "body": "b", "tags": ["x", "y"]})


@pytest.mark.usefixtures("_ten_posts")
@pytest.mark.parametrize(
    "path",
    ["/posts", "/posts?expand=body", "/posts?tag=x", "/posts?author=ada&tag=x", "/posts/1", "/users", "/users/ada"],
)
def test_a_read_is_one_query(anyone: Client, statements: list[str], path: str) -> None:
    anyone.get(path)
    assert len(statements) == 1


@pytest.mark.usefixtures("_ten_posts")
def test_a_token_costs_one_query_more(ada: Client, statements: list[str]) -> None:
    ada.get("/posts?author=ada")
    assert len(statements) == 2


def test_strangers_do_not_hold_writers_up(anyone: Client, ada: Client, statements: list[str]) -> None:
    ada.get("/me")  # the use of a token is written down, once a minute
    statements.clear()
    anyone.post("/posts", {"title": "t", "body": "b"})
    ada.post("/posts", {"title": 1})
    assert not any(statement.startswith("BEGIN") for statement in statements)


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
    assert statements[0] == "BEGIN IMMEDIATE"


def test_what_fails_on_the_way_leaves_nothing(app: Application, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(posts_tags, "add", fail)
    assert_problem(ada.post("/posts", {"title": "t", "body": "b"}), 500)
    monkeypatch.undo()
    assert ada.get("/posts").json == {"items": [], "next_cursor": None}


def test_what_is_answered_is_kept(ada: Client, app: Application) -> None:
    titles = [f"{thread}.{number}" for thread in range(4) for number in range(5)]

    def publish(thread: int) -> None:
        for number in range(5):
            assert ada.post("/posts", {"title": f"{thread}.{number}", "body": "b"}).status_code == 201

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = ada.get("/posts?limit=100").json
    assert kept
    assert sorted(post["title"] for post in kept["items"]) == titles
