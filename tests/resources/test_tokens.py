"""`/tokens`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.http.application import Application
from tests.support.clients import Client, basic_auth, signed_in_user
from tests.support.problems import assert_problem


def sign_in(client: Client, content: object = None) -> TestResponse:
    return client.post("/tokens", content, headers=basic_auth("ada"))


def test_a_token_expires_exactly_the_configured_days_after_its_creation(build: Callable[..., Application]) -> None:
    app = build(token_days=3)
    token = signed_in_user(app, "ada").post("/tokens", headers=basic_auth("ada")).json or {}
    created, expires = (datetime.fromisoformat(token[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(days=3)


def test_the_secret_of_a_token_is_shown_once(ada: Client, anyone: Client) -> None:
    created = sign_in(anyone, {"name": "laptop"})
    assert (created.status_code, created.headers["Location"]) == (201, "/tokens/2")
    token = dict(created.json or {})
    secret = token.pop("token")
    assert token == ada.get("/tokens/2").json
    assert token["name"] == "laptop"
    assert secret not in ada.get("/tokens").text + ada.get("/tokens/2").text


@pytest.mark.parametrize("content", [None, {}, {"name": ""}, {"name": "😀" * 100}])
def test_the_name_of_a_token_is_optional(ada: Client, content: object) -> None:
    assert sign_in(ada, content).status_code == 201


def test_the_body_is_optional_even_with_a_content_type(ada: Client) -> None:
    response = ada.send("POST", "/tokens", headers=basic_auth("ada"), content_type="application/json")
    assert response.status_code == 201


def test_null_is_an_omitted_body(ada: Client) -> None:
    response = ada.send("POST", "/tokens", headers=basic_auth("ada"), data=b" null ", content_type="application/json")
    assert (response.status_code, (response.json or {})["name"]) == (201, "")


@pytest.mark.parametrize(
    "content", [{"name": "x" * 101}, {"name": None}, {"name": "\x00"}, {"expires_at": ""}, [], [None], "", 0]
)
def test_invalid_bodies_are_rejected(ada: Client, content: Any) -> None:
    assert_problem(sign_in(ada, content), 422)


def test_tokens_expire_after_the_configured_days(build: Callable[..., Application]) -> None:
    created = sign_in(signed_in_user(build(token_days=7), "ada")).json
    assert created
    lifetime = datetime.fromisoformat(created["expires_at"]) - datetime.fromisoformat(created["created_at"])
    assert abs(lifetime - timedelta(days=7)) < timedelta(seconds=1)


def test_revoked_tokens_are_rejected_at_once(ada: Client) -> None:
    other = ada.with_token((sign_in(ada).json or {})["token"])
    assert ada.delete("/tokens/2").status_code == 204
    assert_problem(other.get("/me"), 401)
    assert_problem(ada.delete("/tokens/2"), 404, detail="You have no token 2.")


def test_a_token_can_revoke_itself(ada: Client) -> None:
    assert ada.delete("/tokens/1").status_code == 204
    assert_problem(ada.get("/me"), 401)


def test_tokens_of_other_users_are_not_found(ada: Client, bob: Client) -> None:
    for response in (bob.get("/tokens/1"), bob.delete("/tokens/1")):
        assert_problem(response, 404, detail="You have no token 1.")
    assert ada.get("/me").status_code == 200


def test_tokens_are_listed_newest_first(ada: Client, bob: Client) -> None:
    sign_in(ada, {"name": "laptop"})
    first = ada.get("/tokens?limit=1").json
    assert first
    assert [token["id"] for token in first["items"]] == [3]
    rest = ada.get(f"/tokens?cursor={first['next_cursor']}").json
    assert rest
    assert [token["id"] for token in rest["items"]] == [1]
    assert rest["next_cursor"] is None
