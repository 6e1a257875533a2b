"""`/tokens`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.http.application import Application
from api.store import tokens
from tests.support.clients import PASSWORD, Client, basic_auth, signed_in_user, with_read_token
from tests.support.problems import assert_problem
from tests.support.slow_bodies import slowly

DRAFT = {"title": "t", "body": "b", "tags": ["x"], "slug": "draft", "published_at": None}


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
    "content",
    [
        *({"name": name} for name in ("x" * 101, None, "\x00")),
        *({"scope": scope} for scope in ("", "admin", "READ", "read write", ["read"], None)),
        *({"expires_in_days": days} for days in (0, -1, 31, 2**63, 1e300, 0.5, "7", True, None)),
        *({"expires_at": ""}, [], [None], "", 0),
    ],
)
def test_invalid_bodies_are_rejected(ada: Client, content: Any) -> None:
    assert_problem(sign_in(ada, content), 422)


def test_tokens_expire_after_the_configured_days(build: Callable[..., Application]) -> None:
    created = sign_in(signed_in_user(build(token_days=7), "ada")).json
    assert created
    lifetime = datetime.fromisoformat(created["expires_at"]) - datetime.fromisoformat(created["created_at"])
    assert abs(lifetime - timedelta(days=7)) < timedelta(seconds=1)


@pytest.mark.parametrize("days", [1, 2.0, 7])
def test_a_token_can_expire_earlier(build: Callable[..., Application], days: float) -> None:
    created = sign_in(signed_in_user(build(token_days=7), "ada"), {"expires_in_days": days}).json
    assert created
    lifetime = datetime.fromisoformat(created["expires_at"]) - datetime.fromisoformat(created["created_at"])
    assert lifetime == timedelta(days=days)


def test_no_token_expires_later_than_configured(build: Callable[..., Application]) -> None:
    ada = signed_in_user(build(token_days=7), "ada")
    problem = assert_problem(sign_in(ada, {"expires_in_days": 8}), 422)
    assert problem["errors"] == [
        {"detail": "Must be less than or equal to 7.", "pointer": "#/expires_in_days"},
    ]
    # It is wrong whatever the password is, which is not verified.
    assert_problem(ada.post("/tokens", {"expires_in_days": 8}, headers=basic_auth("ada", "wrong")), 422)
    assert [token["id"] for token in (ada.get("/tokens").json or {})["items"]] == [1]


def test_tokens_are_of_scope_write_unless_they_are_created_to_read(ada: Client) -> None:
    for content in (None, {}, {"scope": "write"}, {"scope": "read"}):
        assert sign_in(ada, content).status_code == 201
    scopes = [token["scope"] for token in (ada.get("/tokens").json or {})["items"]]
    assert scopes == ["read", "write", "write", "write", "write"]
    assert (ada.get("/tokens/5").json or {})["scope"] == "read"


def test_a_token_that_can_only_read_reads_what_its_user_may_read(ada: Client, bob: Client) -> None:
    for client in (ada, bob):
        assert client.post("/posts", DRAFT).status_code == 201
    reader = ada.with_token((sign_in(ada, {"scope": "read"}).json or {})["token"])
    for path in (
        "/me",
        "/posts",
        "/posts/1",
        "/posts?author=ada",
        "/posts?author=ada&q=t",
        "/posts/1?expand=html",
        "/users/ada/posts/draft",
        "/users",
        "/tags",
        "/feed.atom",
        "/feed.json",
        "/changes/posts",
        "/changes/users",
    ):
        for method in ("GET", "HEAD"):
            responses = [client.send(method, path) for client in (ada, reader)]
            assert [response.status_code for response in responses] == [200, 200]
            assert responses[0].data == responses[1].data
            assert responses[0].headers["Cache-Control"] == responses[1].headers["Cache-Control"]
    assert_problem(reader.get("/posts/2"), 404)


def test_a_token_that_can_only_read_ignores_the_role_of_an_admin(admin: Client, ada: Client) -> None:
    for client in (ada, admin):
        assert client.post("/posts", DRAFT).status_code == 201
    reader = with_read_token(admin)
    for author, count in (("ada", 0), ("admin", 1)):
        for query in ("", "&tag=x", "&expand=body", "&expand=html", "&q=t", "&q=t&tag=x"):
            assert len((reader.get(f"/posts?author={author}{query}").json or {})["items"]) == count
            assert len((admin.get(f"/posts?author={author}{query}").json or {})["items"]) == 1
    for path in ("/posts/1", "/posts/1?expand=html", "/users/ada/posts/draft"):
        assert admin.get(path).status_code == 200
        assert_problem(reader.get(path), 404)
    assert reader.get("/posts/2").status_code == 200
    # It is that of the user.
    assert (reader.get("/me").json or {})["role"] == "admin"


def test_a_token_that_can_only_read_creates_and_revokes_no_tokens(ada: Client) -> None:
    reader = with_read_token(ada)
    body = {"username": "ada", "password": PASSWORD}
    for response in (
        reader.get("/tokens"),
        reader.send("HEAD", "/tokens"),
        reader.get("/tokens/1"),
        reader.post("/tokens"),
        reader.post("/tokens", {"scope": "write"}),
        reader.delete("/tokens/1"),
        reader.delete("/tokens/2"),
    ):
        assert response.status_code == 403
        challenge = 'Bearer realm="Pressroom", error="insufficient_scope", scope="write"'
        assert response.headers["WWW-Authenticate"] == challenge
    assert_problem(reader.post("/tokens", body), 400)
    assert len((ada.get("/tokens").json or {})["items"]) == 2


def test_insufficient_scope_is_reported_before_anything_else_about_the_request(ada: Client) -> None:
    reader = with_read_token(ada)
    for response in (
        reader.send("POST", "/posts", data=b"{", content_type="text/plain"),
        reader.send("POST", "/posts?x=1", json={}),
        reader.send("PATCH", "/posts/1", json={}),
        reader.send("DELETE", "/users/eve"),
        reader.send("PUT", "/users/bob/posts/x", json={}),
    ):
        assert assert_problem(response, 403)["code"] == "insufficient-scope"


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_revoked_or_expired_token_is_401_whatever_its_scope(ada: Client, scope: str) -> None:
    other = ada.with_token((sign_in(ada, {"scope": scope}).json or {})["token"])
    assert ada.delete("/tokens/2").status_code == 204
    for response in (other.get("/me"), other.post("/posts", {}), other.get("/tokens")):
        assert_problem(response, 401)
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_the_scope_is_checked_again_when_the_body_has_arrived(ada: Client) -> None:
    def limit_scope() -> None:
        with ada.app.database.write() as db:
            db.execute(tokens.tokens.update().values(scope="read"))

    post = {"title": "t", "body": "b", "tags": []}
    response = ada.send("POST", "/posts", **slowly(post, limit_scope))
    assert assert_problem(response, 403)["code"] == "insufficient-scope"
    assert (ada.get("/posts").json or {})["items"] == []


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
