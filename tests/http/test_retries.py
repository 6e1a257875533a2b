"""Transactions that PostgreSQL rolls back because of others are run again, and the client gets one response."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from argon2 import PasswordHasher
from limits import RateLimitItem
from werkzeug.test import TestResponse

from api.http import authentication
from api.http.application import Application
from api.http.rate_limit_store import RateLimitStore
from api.store import credentials, tokens_use, users
from api.store.engine.connections import Connection
from tests.contract.catalogue import BODIES, OPERATIONS, PERMISSIONS, arrange, path_of
from tests.support.clients import ANY_VERSION, PASSWORD, Client, basic_auth, sign_in, signed_in_user
from tests.support.metrics import read_metrics
from tests.support.problems import assert_problem
from tests.support.rollbacks import fail_commits

TABLE = {"posts": "posts", "users": "users", "tokens": "tokens", "me": "users", "like": "likes", "comments": "comments"}
TABLE |= {"follow": "follows"}
"""The table that an operation changes, by the last of these segments in its path."""
WRITES = {
    permission.operation: permission
    for permission in PERMISSIONS
    if OPERATIONS[permission.operation].method != "GET" and permission.ada < 300
}
RETRIES = "pressroom_transaction_retries_total[]"
POST = {"title": "t", "body": "b"}


@pytest.fixture
def app(build: Callable[..., Application], postgresql_url: str) -> Application:
    return build(database_url=postgresql_url)


def fail(app: Application, table: str, times: int, sqlstate: str = "40001") -> None:
    with app.database.write() as db:
        fail_commits(db, table, times, sqlstate)


def table_of(operation_id: str) -> str:
    return [TABLE[segment] for segment in OPERATIONS[operation_id].path.split("/") if segment in TABLE][-1]


def send(client: Client, operation_id: str) -> TestResponse:
    operation = OPERATIONS[operation_id]
    path = path_of(operation, **(WRITES[operation_id].ids if operation_id in WRITES else {}))
    return client.send(operation.method, path, json=BODIES.get(operation_id), **ANY_VERSION)


def ada_for(app: Application, operation_id: str) -> Client:
    ada = signed_in_user(app, "ada")
    if WRITES[operation_id].arranged:
        arrange(ada)
    if operation_id == "likePost":
        send(ada, "unlikePost")  # or it would change nothing
    ada.get("/me")  # updates the token's last use, which then stays the same for a minute
    return ada


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
@pytest.mark.parametrize("operation_id", WRITES)
def test_a_write_that_is_rolled_back_at_its_commit_is_repeated(
    app: Application, operation_id: str, sqlstate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = ada_for(app, operation_id)
    before = read_metrics(ada)[RETRIES]
    fail(app, table_of(operation_id), 2, sqlstate)
    counted: list[str] = []

    def hit(store: RateLimitStore, quota: RateLimitItem, name: str, key: str) -> Any:
        counted.append(name)
        return count(store, quota, name, key)

    count = RateLimitStore.hit
    monkeypatch.setattr(RateLimitStore, "hit", hit)
    response = send(ada, operation_id)
    assert response.status_code == WRITES[operation_id].ada
    assert read_metrics(ada)[RETRIES] == before + 2
    names = [name for name, _ in response.headers]
    assert sorted(names) == sorted(set(names))
    assert len(counted) == len(set(counted)) == len(response.headers["RateLimit"].split(", "))


@pytest.mark.parametrize("operation_id", WRITES)
def test_a_write_that_is_rolled_back_three_times_is_503_and_changes_nothing(
    app: Application, operation_id: str
) -> None:
    ada = ada_for(app, operation_id)
    etags = [ada.get(path).data for path in ("/users", "/posts?author=ada", "/tokens")]
    fail(app, table_of(operation_id), 3)
    response = send(ada, operation_id)
    assert_problem(response, 503, detail="Other requests are changing the same data. Try again later.")
    assert response.headers["Retry-After"] == "1"
    assert [ada.get(path).data for path in ("/users", "/posts?author=ada", "/tokens")] == etags


def test_signing_in_is_repeated_and_gives_one_token(app: Application) -> None:
    ada = signed_in_user(app, "ada")
    ada.get("/me")
    fail(app, "tokens", 1)
    response = ada.post("/tokens", headers=basic_auth("ada"))
    assert response.status_code == 201
    assert ada.with_token((response.json or {})["token"]).get("/me").status_code == 200
    assert len((ada.get("/tokens").json or {})["items"]) == 2


def test_the_renewal_of_a_hash_is_repeated(app: Application) -> None:
    ada = signed_in_user(app, "ada")
    outdated = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with app.database.write() as db:
        credentials.rehash(db, credentials.get(db, "ada"), outdated)
    fail(app, "users", 1)
    assert ada.post("/tokens", headers=basic_auth("ada")).status_code == 201
    with app.database.read() as db:
        assert credentials.get(db, "ada").password_hash != outdated


def test_a_repeated_transaction_keeps_its_idempotency_key(app: Application) -> None:
    ada = signed_in_user(app, "ada")
    headers = {"Idempotency-Key": "k"}
    fail(app, "idempotency_keys", 4)
    assert_problem(ada.post("/posts", POST, headers=headers), 503)
    first = ada.post("/posts", POST, headers=headers)
    again = ada.post("/posts", POST, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert len((ada.get("/posts").json or {})["items"]) == 1


def test_concurrent_requests_with_one_idempotency_key_that_are_rolled_back_publish_one_post(app: Application) -> None:
    ada = signed_in_user(app, "ada")
    fail(app, "idempotency_keys", 2)
    start = threading.Barrier(4)

    def publish(client: Client) -> TestResponse:
        start.wait()
        return client.post("/posts", POST, headers={"Idempotency-Key": "k"})

    with ThreadPoolExecutor(4) as threads:
        responses = [*threads.map(publish, [ada.with_token(ada.token) for _ in range(4)])]
    created = [response.data for response in responses if response.status_code == 201]
    assert created
    assert len(set(created)) == 1
    assert {response.status_code for response in responses} <= {201, 409}  # 409: the first one is in progress
    assert len((ada.get("/posts").json or {})["items"]) == 1


@pytest.mark.parametrize(
    ("sqlstate", "detail"),
    [("40003", "The connection to the database was lost during the commit"), ("57014", "The database is unavailable.")],
)
def test_other_errors_at_commit_are_not_repeated(app: Application, sqlstate: str, detail: str) -> None:
    ada = signed_in_user(app, "ada")
    before = read_metrics(ada)[RETRIES]
    fail(app, "posts", 1, sqlstate)
    assert assert_problem(ada.post("/posts", POST), 503)["detail"].startswith(detail)
    assert read_metrics(ada)[RETRIES] == before


def test_a_commit_whose_reply_is_lost_is_not_repeated(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server commits, and the connection breaks before the client learns of it."""
    ada = signed_in_user(app, "ada")
    commit = Connection.commit

    def commit_and_break(connection: Connection) -> None:
        connection._driver.commit()
        connection._driver.execute("BEGIN")
        with app.database.read() as other:
            other.execute_sql(f"SELECT pg_terminate_backend({connection._driver.info.backend_pid})")
        commit(connection)

    monkeypatch.setattr(Connection, "commit", commit_and_break)
    problem = assert_problem(ada.post("/posts", POST), 503)
    monkeypatch.undo()
    assert "may have been made" in problem["detail"]
    assert len((ada.get("/posts").json or {})["items"]) == 1


def test_a_request_that_deadlocks_with_another_transaction_succeeds(app: Application) -> None:
    ada, admin = signed_in_user(app, "ada"), signed_in_user(app, "admin", role="admin")
    before = read_metrics(ada)[RETRIES]
    with ThreadPoolExecutor(1) as threads:
        with app.database.write() as db:
            users.revise(db, users.get(db, "ada"), bio="b")
            db.execute_sql("SET LOCAL deadlock_timeout = '1min'")  # so that PostgreSQL ends the other one
            # It locks the token, and then waits for the user.
            removal = threads.submit(admin.delete, "/users/ada")
            wait_for_a_blocked_backend(app)
            assert tokens_use.lock_and_find_user(db, authentication.hash_token(ada.token))  # waits for the token
        assert removal.result().status_code == 204
    assert read_metrics(admin)[RETRIES] == before + 1
    assert_problem(ada.get("/me"), 401)


def test_a_change_of_the_password_does_not_deadlock_with_other_changes_of_the_user(app: Application) -> None:
    ada = signed_in_user(app, "ada")
    other = ada.with_token(sign_in(ada))
    body = {"current_password": PASSWORD, "new_password": "another password"}
    before = read_metrics(ada)[RETRIES]
    with ThreadPoolExecutor(1) as threads:
        with app.database.write() as db:
            assert tokens_use.lock_and_find_user(db, authentication.hash_token(other.token))
            change = threads.submit(ada.send, "PUT", "/me/password", json=body)
            wait_for_a_blocked_backend(app)
            users.revise(db, users.get(db, "ada"), bio="b")
        assert change.result().status_code == 204
    assert read_metrics(ada)[RETRIES] == before
    assert (ada.get("/users/ada").json or {})["bio"] == "b"
    assert_problem(other.get("/me"), 401)


def test_concurrent_requests_of_a_user_that_deadlock_succeed_or_are_rejected(app: Application) -> None:
    """Each client revokes the tokens of all others."""
    ada = signed_in_user(app, "ada")
    clients = [ada.with_token(sign_in(ada)) for _ in range(4)]
    start = threading.Barrier(4)
    body = {"current_password": "correct horse battery staple", "new_password": "correct horse battery staple"}

    def change(client: Client) -> int:
        start.wait()
        return client.send("PUT", "/me/password", json=body).status_code

    with ThreadPoolExecutor(4) as threads:
        statuses = [*threads.map(change, clients)]
    assert set(statuses) <= {204, 401, 403, 503}  # 503 after the third deadlock
    assert 204 in statuses


def wait_for_a_blocked_backend(app: Application) -> None:
    deadline = time.monotonic() + 60
    blocked: Any = False
    while not blocked:
        with app.database.read() as db:
            sql = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
            blocked = db._driver.execute(sql).fetchone()[0]
        assert time.monotonic() < deadline


def test_the_log_says_which_transaction_was_repeated(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    ada = signed_in_user(app, "ada")
    fail(app, "posts", 1)
    assert ada.post("/posts", POST).status_code == 201
    assert "A transaction was rolled back, and is run again (planned" in caplog.text
