"""Passwords in other spellings of Unicode (RFC 7617, section 2.1, and OpaqueString of RFC 8265, section 4.2)."""

import unicodedata
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from werkzeug.test import TestResponse

from api import constraints
from api import passwords as module
from api.http.application import Application
from api.passwords import hash_password
from api.store import credentials
from tests.support.clients import PASSWORD, Client, basic_auth, signed_in_user
from tests.support.problems import assert_problem

NFC, NFD = (unicodedata.normalize(form, "crème brûlée 한글") for form in ("NFC", "NFD"))
SPACES = "\u00a0", "\u1680", "\u2003", "\u202f", "\u205f", "\u3000"
SPELLINGS = [
    (NFC, NFD),
    (NFD, NFC),
    *((f"{NFC}{space}x", f"{NFD} x") for space in SPACES),
    ("password ", "password\u00a0"),
]


def sign_in_by_basic(client: Client, password: str) -> TestResponse:
    return client.post("/tokens", headers=basic_auth("eve", password))


def sign_in_by_body(client: Client, password: str) -> TestResponse:
    return client.post("/tokens", {"username": "eve", "password": password})


SignIn = Callable[[Client, str], TestResponse]


@pytest.mark.parametrize("sign_in", [sign_in_by_basic, sign_in_by_body])
@pytest.mark.parametrize(("registered", "sent"), SPELLINGS, ids=ascii)
def test_another_spelling_of_a_password_is_the_same_password(
    anyone: Client, sign_in: SignIn, registered: str, sent: str
) -> None:
    assert anyone.post("/users", {"username": "eve", "password": registered}).status_code == 201
    assert sign_in(anyone, sent).status_code == 201
    assert sign_in(anyone, registered).status_code == 201
    for other in (sent.upper(), f"{sent} ", f" {sent}", sent[:-1]):
        assert sign_in(anyone, other).status_code in (401, 403)


@pytest.mark.parametrize(("old", "sent"), SPELLINGS, ids=ascii)
def test_a_password_is_changed_whatever_its_spelling(anyone: Client, old: str, sent: str) -> None:
    anyone.post("/users", {"username": "eve", "password": old})
    eve = anyone.with_token(sign_in_by_body(anyone, old).json["token"])  # type: ignore[index] # checked by the test
    change = {"current_password": sent, "new_password": f"new {sent}"}
    for _ in range(2):  # the second request is a repetition
        assert eve.send("PUT", "/me/password", json=change).status_code == 204
    assert eve.send("PUT", "/me/password", json={**change, "new_password": f"new {old}"}).status_code == 204
    assert sign_in_by_basic(anyone, f"new {old}").status_code == 201


def store_hash(app: Application, password_hash: str) -> None:
    with app.database.write() as db:
        credentials.rehash(db, credentials.get(db, "eve"), password_hash)


@pytest.mark.parametrize("sign_in", [sign_in_by_basic, sign_in_by_body])
@pytest.mark.parametrize("stored", [NFC, NFD, "a\u3000bcdefgh"], ids=ascii)
def test_hashes_of_former_versions_go_on_working_and_are_renewed(
    app: Application, anyone: Client, sign_in: SignIn, stored: str
) -> None:
    signed_in_user(app, "eve")
    former = module._hasher.hash(stored)
    store_hash(app, former)
    assert_problem(sign_in(anyone, "wrong"), 401 if sign_in is sign_in_by_basic else 403)
    assert sign_in(anyone, stored).status_code == 201
    with app.database.read() as db:
        renewed = credentials.get(db, "eve").password_hash
    assert (renewed == former) == (stored == NFC)
    for spelling in (stored, unicodedata.normalize("NFC", stored), unicodedata.normalize("NFD", stored)):
        assert sign_in(anyone, spelling).status_code == 201


@pytest.mark.parametrize(("password", "hashes"), [("wrong", 1), (NFC, 1), (NFD, 2)], ids=ascii)
def test_only_a_password_in_another_spelling_is_hashed_twice_whether_the_user_exists_or_not(
    app: Application, anyone: Client, monkeypatch: pytest.MonkeyPatch, password: str, hashes: int
) -> None:
    signed_in_user(app, "ada")
    calls: list[str] = []
    verify = PasswordHasher.verify

    def count(hasher: PasswordHasher, password_hash: str, sent: str) -> bool:
        calls.append(sent)
        return verify(hasher, password_hash, sent)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    for username in ("ada", "unknown"):
        calls.clear()
        assert_problem(anyone.post("/tokens", {"username": username, "password": password}), 403)
        assert len(calls) == hashes


def test_the_longest_password_can_be_sent_decomposed(anyone: Client) -> None:
    longest = "\u01d5" * constraints.PASSWORD_MAX_LENGTH
    decomposed = unicodedata.normalize("NFD", longest)
    assert anyone.post("/users", {"username": "eve", "password": longest}).status_code == 201
    assert sign_in_by_body(anyone, decomposed).status_code == 201
    assert sign_in_by_basic(anyone, decomposed).status_code == 201
    errors = assert_problem(anyone.post("/users", {"username": "bob", "password": decomposed}), 422)["errors"]
    assert errors == [{"detail": "Length must be between 8 and 128.", "pointer": "#/password"}]


def test_the_hash_is_that_of_the_normalized_password() -> None:
    module._hasher.verify(hash_password(NFD), NFC)
    module._hasher.verify(hash_password("a\u00a0b"), "a b")
    module._hasher.verify(hash_password(PASSWORD), PASSWORD)
