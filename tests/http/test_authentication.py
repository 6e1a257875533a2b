"""Authentication with bearer tokens and with HTTP Basic."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import product
from time import monotonic
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from werkzeug.test import TestResponse

from api.http import authentication
from api.http.application import Application
from api.passwords import hash_password
from api.settings import Settings
from api.store import credentials, tokens, users
from api.store.columns import now
from api.store.credentials import Credentials
from api.store.engine.database import Database
from tests.contract.catalogue import BODIES, OPERATIONS, Operation, arrange, path_of
from tests.support.clients import PASSWORD, Client, basic_auth, signed_in_user
from tests.support.problems import assert_problem
from tests.support.rows import select_rows


def test_a_bearer_token_authenticates_its_user(ada: Client) -> None:
    me = ada.get("/me").json
    assert me
    assert me["username"] == "ada"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_authentication_scheme_is_case_insensitive(ada: Client, scheme: str) -> None:
    assert ada.get("/me", headers={"Authorization": f"{scheme} {ada.token}"}).status_code == 200


def test_anonymous_clients_get_a_challenge(anyone: Client) -> None:
    response = anyone.get("/me")
    assert_problem(response, 401, detail="Send a valid token as `Authorization: Bearer …`.")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Pressroom"'


EMPTY_CREDENTIALS = ["", " ", "Bearer", "Bearer ", "bearer", "BEARER   ", "Basic", "basic ", "Basic Og=="]


@pytest.mark.parametrize("value", EMPTY_CREDENTIALS)
@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS.values() if {} in operation.description["security"]],
    ids=lambda operation: operation.id,
)
def test_empty_credentials_are_anonymous_where_authentication_is_optional(
    ada: Client, anyone: Client, operation: Operation, value: str
) -> None:
    """Generated clients send them if no token has been set."""
    arrange(ada)
    body = {"username": "ada", "password": PASSWORD} if operation.id == "createToken" else BODIES.get(operation.id)
    response = anyone.send(operation.method, path_of(operation), headers={"Authorization": value}, json=body)
    assert response.status_code == (201 if operation.method == "POST" else 200)


@pytest.mark.parametrize("value", EMPTY_CREDENTIALS)
def test_empty_credentials_are_rejected_where_authentication_is_required(anyone: Client, value: str) -> None:
    for method, path, scheme in [("GET", "/me", "Bearer"), ("POST", "/posts", "Bearer"), ("POST", "/tokens", "Basic")]:
        response = anyone.send(method, path, headers={"Authorization": value})
        assert_problem(response, 401)
        assert response.headers["WWW-Authenticate"].startswith(f'{scheme} realm="Pressroom"')


@pytest.mark.parametrize(
    "value",
    [
        "Bearer nonsense",
        "Bearer prt_" + "x" * 43,
        "Bearer prt_\xff\xe9",
        "Token prt_x",
        "Basic !!!",
        "\xff",
        "Bearer " + "x" * 8_000,
    ],
)
@pytest.mark.parametrize("path", ["/me", "/posts", "/posts/1"])
def test_invalid_tokens_are_rejected_even_where_authentication_is_optional(
    anyone: Client, path: str, value: str
) -> None:
    response = anyone.get(path, headers={"Authorization": value})
    assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Pressroom", error="invalid_token"'


def test_a_password_is_rejected_where_a_token_is_required(ada: Client) -> None:
    assert_problem(ada.get("/me", headers=basic_auth("ada", PASSWORD)), 401)


def test_creating_a_token_requires_a_password(ada: Client, anyone: Client) -> None:
    assert_problem(ada.send("POST", "/tokens"), 401)
    response = anyone.send("POST", "/tokens")
    assert_problem(response, 401, detail="Send a username and password, as HTTP Basic or in the body.")


# ---- Signing in with JSON: a browser opens a dialog for a challenge of HTTP Basic, while `fetch` waits.


def assert_wrong_credentials(response: TestResponse) -> None:
    assert_problem(response, 403, code="wrong-credentials", detail="Wrong username or password.")
    assert "WWW-Authenticate" not in response.headers


def test_a_token_can_be_created_with_a_username_and_a_password_in_the_body(ada: Client, anyone: Client) -> None:
    response = anyone.post("/tokens", {"username": "ada", "password": PASSWORD, "name": "laptop"})
    assert response.status_code == 201
    assert response.json
    assert response.json["name"] == "laptop"
    assert PASSWORD not in response.text
    me = anyone.with_token(response.json["token"]).get("/me").json
    assert me
    assert me["username"] == "ada"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "bearer  ", "Basic ", "Basic Og=="])
def test_an_empty_header_field_is_no_second_form_of_credentials(ada: Client, anyone: Client, value: str) -> None:
    def sign_in_with(password: str) -> TestResponse:
        content = {"username": "ada", "password": password}
        return anyone.post("/tokens", content, headers={"Authorization": value})

    assert sign_in_with(PASSWORD).status_code == 201
    assert_wrong_credentials(sign_in_with("wrong"))


def test_wrong_credentials_in_the_body_are_403_without_a_challenge(ada: Client, anyone: Client) -> None:
    wrong = anyone.post("/tokens", {"username": "ada", "password": "wrong"})
    unknown = anyone.post("/tokens", {"username": "eve", "password": PASSWORD})
    for response in (wrong, unknown):
        assert_wrong_credentials(response)
    assert wrong.data == unknown.data


def test_a_user_without_a_password_cannot_sign_in_with_json(app: Application, anyone: Client) -> None:
    with app.database.write() as db:
        users.register(db, username="imported")
    assert_wrong_credentials(anyone.post("/tokens", {"username": "imported", "password": "None"}))


@pytest.mark.parametrize(
    "authorization",
    [
        basic_auth("ada"),
        basic_auth("ada", "wrong"),
        basic_auth("eve"),
        {"Authorization": "Bearer prt_" + "x" * 43},
        {"Authorization": "Basic !!!"},
    ],
    ids=str,
)
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_credentials_in_both_the_body_and_a_header_field_are_400(
    ada: Client, anyone: Client, authorization: dict[str, str], password: str
) -> None:
    response = anyone.post("/tokens", {"username": "ada", "password": password}, headers=authorization)
    detail = "Send the username and password either in the body, without `Authorization`, or as HTTP Basic."
    assert_problem(response, 400, detail=detail)
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize("body", [{"username": "ada"}, {"password": PASSWORD}], ids=str)
def test_one_without_the_other_in_the_body_is_wrong(ada: Client, anyone: Client, body: dict[str, str]) -> None:
    detail = "Send both `username` and `password`."
    assert_problem(anyone.post("/tokens", body), 403, code="wrong-credentials", detail=detail)
    assert_problem(anyone.post("/tokens", body, headers=basic_auth("ada")), 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *product(["username"], [None, "", "ADA", "ada\n", "a\x00a", "x" * 40, 1, ["ada"], {}]),
        *product(["password"], [None, "", "x" * 513, "\x00", 1, [PASSWORD], {}]),
    ],
)
def test_credentials_of_the_wrong_form_are_422(ada: Client, anyone: Client, name: str, value: object) -> None:
    problem = assert_problem(anyone.post("/tokens", {"username": "ada", "password": PASSWORD, name: value}), 422)
    assert {error["pointer"] for error in problem["errors"]} == {f"#/{name}"}


@pytest.mark.parametrize("content", [None, {}, {"name": "laptop"}])
def test_neither_credentials_in_the_body_nor_in_a_header_field_are_401_with_a_challenge(
    anyone: Client, content: object
) -> None:
    response = anyone.post("/tokens", content)
    assert_problem(response, 401, detail="Send a username and password, as HTTP Basic or in the body.")
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Pressroom", charset="UTF-8"'


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_another_site_cannot_sign_in(ada: Client, anyone: Client, content_type: str) -> None:
    body = b'{"username": "ada", "password": "correct horse battery staple"}'
    assert_problem(anyone.send("POST", "/tokens", data=body, content_type=content_type), 415)


def test_only_signing_in_by_http_basic_has_a_challenge_for_which_browsers_open_a_dialog() -> None:
    basic = [operation.id for operation in OPERATIONS.values() if {"basic": []} in operation.description["security"]]
    assert basic == ["createToken"]


def test_expired_tokens_are_rejected(app: Application, ada: Client) -> None:
    database: Database = app.database
    with database.write() as db:
        db.execute(tokens.tokens.update().values(expires_at=now() - timedelta(seconds=1)))
    assert_problem(ada.get("/me"), 401)


def test_a_token_can_be_created_with_a_password(ada: Client, anyone: Client) -> None:
    response = anyone.send("POST", "/tokens", headers=basic_auth("ada", PASSWORD))
    assert response.status_code == 201
    assert response.json
    assert anyone.with_token(response.json["token"]).get("/me").status_code == 200


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", "x" * 5_000, "\x00"])
def test_wrong_passwords_are_rejected(ada: Client, anyone: Client, password: str) -> None:
    response = anyone.send("POST", "/tokens", headers=basic_auth("ada", password))
    assert_problem(response, 401, detail="Wrong username or password, or not sent as HTTP Basic.")
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Pressroom", charset="UTF-8"'


@pytest.mark.parametrize("value", ["", "Basic", "Basic !!!", "Basic eA==", "Basic /////w==", "Digest x", "\xff"])
def test_malformed_basic_credentials_are_rejected(anyone: Client, value: str) -> None:
    assert_problem(anyone.send("POST", "/tokens", headers={"Authorization": value}), 401)


@pytest.mark.parametrize("username", ["eve", "ADA", "", "a:da", "\x00", "ada\n", "x" * 5_000])
def test_unknown_and_malformed_usernames_are_rejected(ada: Client, anyone: Client, username: str) -> None:
    assert_problem(anyone.send("POST", "/tokens", headers=basic_auth(username, PASSWORD)), 401)


def test_a_user_without_a_password_cannot_sign_in(app: Application, anyone: Client) -> None:
    with app.database.write() as db:
        users.register(db, username="imported")
    assert_problem(anyone.send("POST", "/tokens", headers=basic_auth("imported", "")), 401)


def test_rejecting_an_unknown_username_verifies_a_hash_as_well(
    ada: Client, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []

    def spy(hasher: PasswordHasher, *arguments: Any) -> bool:
        verified.append(arguments)
        return verify(hasher, *arguments)

    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", spy)
    for username in ("ada", "eve", "EVE"):
        anyone.send("POST", "/tokens", headers=basic_auth(username, "wrong"))
    assert len(verified) == 3
    for username in ("ada", "eve"):
        anyone.post("/tokens", {"username": username, "password": "wrong"})
    assert len(verified) == 5


def test_passwords_are_hashed_with_the_parameters_of_owasp() -> None:
    parameters = extract_parameters(hash_password(PASSWORD))
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost) == ("ID", 19 * 1024, 2)


def test_a_hash_with_outdated_parameters_is_replaced(app: Application, anyone: Client) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with app.database.write() as db:
        users.register(db, username="ada", password_hash=weaker)
    assert_problem(anyone.send("POST", "/tokens", headers=basic_auth("ada", "wrong")), 401)
    stored = []
    for _ in range(2):
        assert anyone.send("POST", "/tokens", headers=basic_auth("ada", PASSWORD)).status_code == 201
        with app.database.read() as db:
            stored.append(credentials.get(db, "ada").password_hash)
    assert stored[0] == stored[1] != weaker
    assert extract_parameters(str(stored[0])).memory_cost == 19 * 1024


@pytest.mark.parametrize("form", ["Basic", "JSON"])
def test_no_token_is_created_if_the_password_is_changed_concurrently(
    app: Application, ada: Client, anyone: Client, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def verify_and_change(app: Application, username: str, password: str) -> Credentials:
        verified = verify(app, username, password)
        with app.database.write() as db:
            credentials.change(db, verified, "another")
        return verified

    verify = authentication.verify_credentials
    monkeypatch.setattr("api.resources.tokens.verify_credentials", verify_and_change)
    if form == "Basic":
        response = anyone.send("POST", "/tokens", headers=basic_auth("ada", PASSWORD))
        assert_problem(response, 401, detail="Wrong username or password, or not sent as HTTP Basic.")
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
    else:
        assert_wrong_credentials(anyone.post("/tokens", {"username": "ada", "password": PASSWORD}))


def test_concurrent_sign_ins_succeed_while_a_hash_is_replaced(app: Application, anyone: Client) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with app.database.write() as db:
        users.register(db, username="ada", password_hash=weaker)
    with ThreadPoolExecutor(5) as threads:
        statuses = threads.map(
            lambda _: anyone.send("POST", "/tokens", headers=basic_auth("ada")).status_code, range(5)
        )
    assert [*statuses] == [201] * 5


def last_used_at(client: Client) -> str:
    """Return the `last_used_at` of the client's token; "None" for null."""
    return str((client.get("/tokens/1").json or {})["last_used_at"])


def test_last_used_at_is_updated_at_most_once_a_minute(app: Application, ada: Client) -> None:
    assert last_used_at(ada) == "None"
    first = last_used_at(ada)
    assert abs(datetime.fromisoformat(first) - now()) < timedelta(seconds=10)
    assert last_used_at(ada) == first
    with app.database.write() as db:
        db.execute(tokens.tokens.update().values(last_used_at=now() - timedelta(seconds=61)))
    assert last_used_at(ada) < first
    assert last_used_at(ada) > first


@pytest.mark.sqlite  # of which a writer locks the whole database
@pytest.mark.parametrize("same_process", [True, False])
def test_requests_do_not_wait_for_another_writer_to_update_last_used_at(
    app: Application, settings: Settings, ada: Client, same_process: bool
) -> None:
    other_database = Database(settings)  # as another process opens it
    with (app.database if same_process else other_database).write():
        started = monotonic()
        assert last_used_at(ada) == last_used_at(ada) == "None"
        assert monotonic() - started < 1
    other_database.close()
    assert last_used_at(ada) == "None"
    assert last_used_at(ada) != "None"


def test_passwords_and_tokens_are_not_stored(app: Application, ada: Client) -> None:
    with app.database.read() as db:
        stored = str(select_rows(db, users.users.select()) + select_rows(db, tokens.tokens.select()))
    assert PASSWORD not in stored
    assert ada.token not in stored
    assert ada.token.removeprefix("prt_") not in stored


def test_tokens_have_256_random_bits(app: Application) -> None:
    one, another = signed_in_user(app, "one").token, signed_in_user(app, "another").token
    assert one != another
    assert len(one) == len("prt_") + 43


def test_authentication_precedes_validation_of_the_body(anyone: Client) -> None:
    for method, path in (("POST", "/posts"), ("PATCH", "/posts/1"), ("PATCH", "/users/ada"), ("DELETE", "/tokens/1")):
        assert_problem(anyone.send(method, path, data=b"{", content_type="text/plain"), 401)
