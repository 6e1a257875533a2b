"""Who asks."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from api.http import authentication
from api.http.application import Application
from api.passwords import hash_password
from api.settings import Settings
from api.store import credentials, tokens, users
from api.store.columns import now
from api.store.credentials import Credentials
from api.store.engine.database import Database
from tests.support.clients import PASSWORD, Client, basic, member
from tests.support.problems import assert_problem
from tests.support.rows import select_rows


def test_a_token_signs_in(ada: Client) -> None:
    me = ada.get("/me").json
    assert me
    assert me["username"] == "ada"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_name_of_the_scheme_has_no_case(ada: Client, scheme: str) -> None:
    assert ada.get("/me", headers={"Authorization": f"{scheme} {ada.token}"}).status_code == 200


def test_strangers_are_told_how_to_sign_in(anyone: Client) -> None:
    response = anyone.get("/me")
    assert_problem(response, 401, detail="Send a valid token as `Authorization: Bearer …`.")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Pressroom"'


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
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
def test_a_token_that_is_none_is_refused_even_where_none_is_needed(anyone: Client, path: str, value: str) -> None:
    response = anyone.get(path, headers={"Authorization": value})
    assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Pressroom", error="invalid_token"'


def test_a_password_is_no_token(ada: Client) -> None:
    assert_problem(ada.get("/me", headers=basic("ada", PASSWORD)), 401)


def test_a_token_is_no_password(ada: Client, anyone: Client) -> None:
    assert_problem(ada.send("POST", "/tokens"), 401)
    refused = anyone.send("POST", "/tokens")
    assert_problem(refused, 401, detail="Send a username and password as HTTP Basic.")


def test_an_expired_token_is_none(app: Application, ada: Client) -> None:
    database: Database = app.database
    with database.write() as db:
        db.execute(tokens.tokens.update().values(expires_at=now() - timedelta(seconds=1)))
    assert_problem(ada.get("/me"), 401)


def test_a_password_gets_a_token(ada: Client, anyone: Client) -> None:
    response = anyone.send("POST", "/tokens", headers=basic("ada", PASSWORD))
    assert response.status_code == 201
    assert response.json
    assert anyone.with_token(response.json["token"]).get("/me").status_code == 200


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", "x" * 5_000, "\x00"])
def test_a_wrong_password_does_not(ada: Client, anyone: Client, password: str) -> None:
    response = anyone.send("POST", "/tokens", headers=basic("ada", password))
    assert_problem(response, 401, detail="Wrong username or password, or not sent as HTTP Basic.")
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Pressroom", charset="UTF-8"'


@pytest.mark.parametrize("value", ["", "Basic", "Basic !!!", "Basic eA==", "Basic /////w==", "Digest x", "\xff"])
def test_credentials_that_cannot_be_read_are_none(anyone: Client, value: str) -> None:
    assert_problem(anyone.send("POST", "/tokens", headers={"Authorization": value}), 401)


@pytest.mark.parametrize("username", ["nobody", "ADA", "", "a:da", "\x00", "ada\n", "x" * 5_000])
def test_nobody_else_gets_one(ada: Client, anyone: Client, username: str) -> None:
    assert_problem(anyone.send("POST", "/tokens", headers=basic(username, PASSWORD)), 401)


def test_a_user_without_a_password_cannot_sign_in(app: Application, anyone: Client) -> None:
    with app.database.write() as db:
        users.register(db, username="imported")
    assert_problem(anyone.send("POST", "/tokens", headers=basic("imported", "")), 401)


def test_refusing_a_stranger_takes_a_hash_like_refusing_a_user(
    ada: Client, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []

    def spy(hasher: PasswordHasher, *arguments: Any) -> bool:
        verified.append(arguments)
        return verify(hasher, *arguments)

    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", spy)
    for username in ("ada", "nobody", "NOBODY"):
        anyone.send("POST", "/tokens", headers=basic(username, "wrong"))
    assert len(verified) == 3


def test_passwords_are_kept_as_owasp_asks() -> None:
    parameters = extract_parameters(hash_password(PASSWORD))
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost) == ("ID", 19 * 1024, 2)


def test_a_hash_made_with_other_parameters_is_made_anew(app: Application, anyone: Client) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with app.database.write() as db:
        users.register(db, username="ada", password_hash=weaker)
    assert_problem(anyone.send("POST", "/tokens", headers=basic("ada", "wrong")), 401)
    kept = []
    for _ in range(2):
        assert anyone.send("POST", "/tokens", headers=basic("ada", PASSWORD)).status_code == 201
        with app.database.read() as db:
            kept.append(credentials.get(db, "ada").password_hash)
    assert kept[0] == kept[1] != weaker
    assert extract_parameters(str(kept[0])).memory_cost == 19 * 1024


def test_who_proves_a_password_that_is_changed_meanwhile_gets_no_token(
    app: Application, ada: Client, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed_meanwhile(app: Application, username: str, password: str) -> Credentials:
        proven = verify(app, username, password)
        with app.database.write() as db:
            credentials.change(db, proven, "another")
        return proven

    verify = authentication.verify_credentials
    monkeypatch.setattr(authentication, "verify_credentials", changed_meanwhile)
    refused = anyone.send("POST", "/tokens", headers=basic("ada", PASSWORD))
    assert_problem(refused, 401, detail="Wrong username or password, or not sent as HTTP Basic.")
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")


def test_all_who_sign_in_while_a_hash_is_made_anew_are_let_in(app: Application, anyone: Client) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with app.database.write() as db:
        users.register(db, username="ada", password_hash=weaker)
    with ThreadPoolExecutor(5) as threads:
        signed_in = threads.map(lambda _: anyone.send("POST", "/tokens", headers=basic("ada")).status_code, range(5))
    assert [*signed_in] == [201] * 5


def last_use(client: Client) -> str:
    return str((client.get("/tokens/1").json or {})["last_used_at"])


def test_it_is_known_when_a_token_was_last_used(app: Application, ada: Client) -> None:
    assert last_use(ada) == "None"
    first = last_use(ada)
    assert abs(datetime.fromisoformat(first) - now()) < timedelta(seconds=10)
    assert last_use(ada) == first
    with app.database.write() as db:
        db.execute(tokens.tokens.update().values(last_used_at=now() - timedelta(seconds=61)))
    assert last_use(ada) < first
    assert last_use(ada) > first


@pytest.mark.parametrize("here", [True, False])
def test_nobody_waits_to_have_the_use_of_a_token_written_down(
    app: Application, settings: Settings, ada: Client, here: bool
) -> None:
    elsewhere = Database(settings)
    with (app.database if here else elsewhere).write():
        started = monotonic()
        assert last_use(ada) == last_use(ada) == "None"
        assert monotonic() - started < 1
    elsewhere.close()
    assert last_use(ada) == "None"
    assert last_use(ada) != "None"


def test_neither_password_nor_token_is_kept(app: Application, ada: Client) -> None:
    with app.database.read() as db:
        kept = str(select_rows(db, users.users.select()) + select_rows(db, tokens.tokens.select()))
    assert PASSWORD not in kept
    assert ada.token not in kept
    assert ada.token.removeprefix("prt_") not in kept


def test_a_token_is_256_random_bits(app: Application) -> None:
    one, another = member(app, "one").token, member(app, "another").token
    assert one != another
    assert len(one) == len("prt_") + 43


def test_who_is_judged_before_what(anyone: Client) -> None:
    for method, path in (("POST", "/posts"), ("PATCH", "/posts/1"), ("PATCH", "/users/ada"), ("DELETE", "/tokens/1")):
        assert_problem(anyone.send(method, path, data=b"{", content_type="text/plain"), 401)
