"""Authority that is lost between the start of a request and its change: the change is not made.

A client that sends its body slowly is authenticated by its header fields, long before the transaction begins. Every
operation that writes is tried, found by the OpenAPI document, in every way to lose authority.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from api.http import authentication
from api.http.application import Application
from api.passwords import hash_password
from api.resources import me
from api.store import accounts, credentials, idempotency, tokens, users, users_removal
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.follows import follows
from api.store.likes import likes
from api.store.posts_table import posts
from tests.contract.catalogue import BODIES, OPERATIONS, PERMISSIONS, Permission, arrange, path_of
from tests.support.clients import ANY_VERSION, Client, basic_auth, signed_in_user
from tests.support.problems import assert_problem
from tests.support.rows import select_rows
from tests.support.slow_bodies import slowly

OTHER_HASH = hash_password("another password")
Lose = Callable[[Connection, str], object]
"""Takes a user's authority away."""


def revoke_tokens(db: Connection, username: str) -> None:
    tokens.revoke_all(db, user_id=users.get(db, username).id)


def let_tokens_expire(db: Connection, username: str) -> None:
    of_user = tokens.tokens.c.user_id == users.get(db, username).id
    db.execute(tokens.tokens.update().where(of_user).values(expires_at=now() - timedelta(microseconds=1)))


def change_password(db: Connection, username: str) -> None:
    credentials.change(db, credentials.get(db, username), OTHER_HASH)


def remove_user(db: Connection, username: str) -> None:
    user = users.get(db, username)
    db.execute(posts.delete().where(posts.c.author_id == user.id))
    users_removal.delete(db, user)


def demote(db: Connection, username: str) -> None:
    accounts.set_role(db, username, "member")


WAYS: list[Lose] = [revoke_tokens, let_tokens_expire, change_password, remove_user]
PASSWORD_WAYS: list[Lose] = [change_password, remove_user]


class Case(NamedTuple):
    """A write that a user may do, a way in which they lose the authority for it, and the status that is then right."""

    permission: Permission
    username: str
    lose: Lose
    status: int

    def __str__(self) -> str:
        """Name the case."""
        return f"{self.permission}-{self.username}-{self.lose.__name__}"


def cases() -> Iterator[Case]:
    for permission in PERMISSIONS:
        operation = OPERATIONS[permission.operation]
        if operation.method == "GET":
            continue
        if {"basic": []} in operation.description["security"]:
            yield from (Case(permission, "ada", lose, 401) for lose in PASSWORD_WAYS)
        for username, status in (("ada", permission.ada), ("admin", permission.admin)):
            if status < 300:
                yield from (Case(permission, username, lose, 401) for lose in WAYS)
        if permission.admin < 300 <= permission.bob:
            yield Case(permission, "admin", demote, permission.bob)


CASES = [*cases()]
WITH_BODY = [case for case in CASES if case.permission.operation in BODIES]
# One of each on PostgreSQL, where the clients' transactions run at the same time.
# There a demotion does not wait for the writes of the user that have begun: `test_tokens.py` has its own test.
CASES_ON_POSTGRESQL = [case for case in CASES if case.lose in (revoke_tokens, remove_user)]


def sign_up(app: Application, case: Case) -> Client:
    """Make ada with her resources, bob and admin, and return the client of the case."""
    there = {"ada": signed_in_user(app, "ada")}
    if case.permission.arranged:
        arrange(there["ada"])
    signed_in_user(app, "bob")
    there["admin"] = signed_in_user(app, "admin", role="admin")
    return there[case.username]


def send(client: Client, case: Case, **options: Any) -> TestResponse:
    operation = OPERATIONS[case.permission.operation]
    is_signing_in = {"basic": []} in operation.description["security"]
    headers = {**ANY_VERSION["headers"], **(basic_auth(client.username) if is_signing_in else {})}
    return client.send(
        operation.method,
        path_of(operation, **case.permission.ids),
        headers=headers,
        **options or {"json": BODIES.get(operation.id)},
    )


def stored(app: Application) -> list[Any]:
    """Return all rows, without the times when tokens were used last."""
    columns = [column for column in tokens.tokens.c if column.name != "last_used_at"]
    tables = [users.users, posts, follows, likes, idempotency.keys]
    selects = [*(table.select() for table in tables), sa.select(*columns)]
    with app.database.read() as db:
        return [sorted(select_rows(db, select), key=str) for select in selects]


def assert_rejected(response: TestResponse, status: int) -> None:
    assert_problem(response, status)
    assert ("WWW-Authenticate" in response.headers) == (status == 401)


def test_every_operation_that_writes_is_tried() -> None:
    writes = {name for name, each in OPERATIONS.items() if each.method != "GET" and each.description["security"]}
    assert {case.permission.operation for case in CASES} == writes


@pytest.mark.parametrize("case", WITH_BODY, ids=str)
def test_authority_that_is_lost_while_the_body_arrives_changes_nothing(
    build: Callable[..., Application], case: Case
) -> None:
    app = build(**case.permission.settings)
    client = sign_up(app, case)
    after_loss: list[Any] = []

    def lose() -> None:
        with app.database.write() as db:
            case.lose(db, case.username)
        after_loss.extend(stored(app))

    response = send(client, case, **slowly(BODIES[case.permission.operation], lose))
    assert after_loss
    assert_rejected(response, case.status)
    assert stored(app) == after_loss


def test_a_request_with_a_slow_body_changes_something_if_authority_is_not_lost(app: Application) -> None:
    """Otherwise the tests above would pass without any check."""
    case = next(case for case in WITH_BODY if case.permission.operation == "publishPost")
    response = send(sign_up(app, case), case, **slowly(BODIES["publishPost"], lambda: None))
    assert response.status_code == 201


def lose_while_the_transaction_waits(app: Application, case: Case) -> None:
    client = sign_up(app, case)
    with ThreadPoolExecutor(1) as threads:
        with app.database.write() as db:
            case.lose(db, case.username)
            response = threads.submit(send, client, case)
            time.sleep(0.05)  # the request is authenticated, and waits for this transaction
        with app.database.read():
            after_loss = stored(app)
        assert_rejected(response.result(), case.status)
    assert stored(app) == after_loss


@pytest.mark.sqlite
@pytest.mark.parametrize("case", CASES, ids=str)
def test_authority_that_is_lost_while_the_transaction_waits_changes_nothing(
    build: Callable[..., Application], case: Case
) -> None:
    lose_while_the_transaction_waits(build(**case.permission.settings), case)


@pytest.mark.parametrize("case", CASES_ON_POSTGRESQL, ids=str)
def test_authority_that_is_lost_in_a_concurrent_transaction_changes_nothing(
    build: Callable[..., Application], postgresql_url: str, case: Case
) -> None:
    lose_while_the_transaction_waits(build(database_url=postgresql_url, **case.permission.settings), case)


@pytest.mark.parametrize("lose", WAYS)
def test_a_stored_response_is_not_replayed_to_a_client_that_lost_its_authority(ada: Client, lose: Lose) -> None:
    headers = {"Idempotency-Key": "k"}
    assert ada.post("/posts", BODIES["publishPost"], headers=headers).status_code == 201

    def pause() -> None:
        with ada.app.database.write() as db:
            lose(db, "ada")

    response = ada.send("POST", "/posts", headers=headers, **slowly(BODIES["publishPost"], pause))
    assert_rejected(response, 401)


def test_a_write_that_changes_nothing_needs_authority_too(
    app: Application, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeating a change of the password writes nothing, so it would begin no transaction."""

    def verify_and_revoke(*arguments: Any) -> Any:
        with app.database.write() as db:
            revoke_tokens(db, "ada")
        return verify(*arguments)

    verify = authentication.verify_credentials
    monkeypatch.setattr(me, "verify_credentials", verify_and_revoke)
    body = {"current_password": "not this one any more", "new_password": "correct horse battery staple"}
    assert_rejected(ada.send("PUT", "/me/password", json=body), 401)
