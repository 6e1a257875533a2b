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


def test_signing_in_makes_a_token_that_is_shown_once(ada: Client, anyone: Client) -> None:
    created = sign_in(anyone, {"name": "laptop"})
    assert (created.status_code, created.headers["Location"]) == (201, "/tokens/2")
    told = dict(created.json or {})
    token = told.pop("token")
    assert told == ada.get("/tokens/2").json
    assert told["name"] == "laptop"
    assert token not in ada.get("/tokens").text + ada.get("/tokens/2").text


@pytest.mark.parametrize("content", [None, {}, {"name": ""}, {"name": "😀" * 100}])
def test_a_name_is_not_needed(ada: Client, content: object) -> None:
    assert sign_in(ada, content).status_code == 201


def test_nor_is_a_body_even_if_its_type_is_sent(ada: Client) -> None:
    response = ada.send("POST", "/tokens", headers=basic_auth("ada"), content_type="application/json")
    assert response.status_code == 201


@pytest.mark.parametrize("content", [{"name": "x" * 101}, {"name": None}, {"name": "\x00"}, {"expires_at": ""}, []])
def test_what_breaks_the_rules_is_refused(ada: Client, content: Any) -> None:
    assert_problem(sign_in(ada, content), 422)


def test_a_token_lives_as_long_as_the_settings_say(build: Callable[..., Application]) -> None:
    created = sign_in(signed_in_user(build(token_days=7), "ada")).json
    assert created
    life = datetime.fromisoformat(created["expires_at"]) - datetime.fromisoformat(created["created_at"])
    assert abs(life - timedelta(days=7)) < timedelta(seconds=1)


def test_a_revoked_token_is_dead_at_once(ada: Client) -> None:
    other = ada.with_token((sign_in(ada).json or {})["token"])
    assert ada.delete("/tokens/2").status_code == 204
    assert_problem(other.get("/me"), 401)
    assert_problem(ada.delete("/tokens/2"), 404, detail="You have no token 2.")


def test_a_token_can_revoke_itself(ada: Client) -> None:
    assert ada.delete("/tokens/1").status_code == 204
    assert_problem(ada.get("/me"), 401)


def test_tokens_of_others_are_not_there(ada: Client, bob: Client) -> None:
    for response in (bob.get("/tokens/1"), bob.delete("/tokens/1")):
        assert_problem(response, 404, detail="You have no token 1.")
    assert ada.get("/me").status_code == 200


def test_tokens_are_listed_the_latest_first(ada: Client, bob: Client) -> None:
    sign_in(ada, {"name": "laptop"})
    first = ada.get("/tokens?limit=1").json
    assert first
    assert [token["id"] for token in first["items"]] == [3]
    rest = ada.get(f"/tokens?cursor={first['next_cursor']}").json
    assert rest
    assert [token["id"] for token in rest["items"]] == [1]
    assert rest["next_cursor"] is None
