"""`/users` and `/me`."""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api import constraints
from api.http.application import Application
from api.store import posts
from tests.support.clients import PASSWORD, Client, basic_auth, sign_in, signed_in_user
from tests.support.problems import assert_problem

ACCOUNT = {"username": "ada", "password": PASSWORD}

INVALID: dict[str, list[Any]] = {
    "username": ["a", "x" * 40, "Ada", "_a", "-a", "a b", "a\n", "adà", "", 1, None],
    "password": ["x" * 7, "x" * 129, "\x00" * 8, 12345678, None],
    "display_name": ["", "x" * 101, "\x00", None],
    "bio": ["x" * 1001, "a\x00", None, []],
    **{name: [1] for name in ("id", "role", "created_at", "revision", "password_hash", "url")},
}


def test_anyone_can_register(anyone: Client) -> None:
    created = anyone.post("/users", {**ACCOUNT, "display_name": "Ada", "bio": "Engines."})
    assert (created.status_code, created.headers["Location"]) == (201, "/users/ada")
    read = anyone.get("/users/ada").json or {}
    assert read == created.json
    assert read["created_at"].endswith("Z")
    assert read == {
        "username": "ada",
        "display_name": "Ada",
        "bio": "Engines.",
        "created_at": read["created_at"],
        "updated_at": read["created_at"],
        "revision": read["revision"],
        "url": "/users/ada",
        "posts_url": "/posts?author=ada",
    }


@pytest.mark.parametrize(
    "account",
    [
        {"username": "a0", "password": "x" * constraints.PASSWORD_MIN_LENGTH},
        {"username": "0" + "_-" * 19, "password": "😀" * constraints.PASSWORD_MAX_LENGTH},
        {
            **ACCOUNT,
            "display_name": "😀" * constraints.DISPLAY_NAME_MAX_LENGTH,
            "bio": "😀" * constraints.BIO_MAX_LENGTH,
        },
    ],
)
def test_values_at_the_limits_are_accepted(anyone: Client, account: dict[str, str]) -> None:
    assert anyone.post("/users", account).status_code == 201


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in INVALID for value in INVALID[name]])
def test_invalid_properties_are_rejected_by_pointer(anyone: Client, name: str, value: Any) -> None:
    errors = assert_problem(anyone.post("/users", {**ACCOUNT, name: value}), 422)["errors"]
    assert {error["pointer"] for error in errors} == {f"#/{name}"}
    assert_problem(anyone.get("/users/ada"), 404)


def test_a_username_cannot_be_registered_twice(anyone: Client, ada: Client) -> None:
    response = anyone.post("/users", ACCOUNT)
    assert_problem(response, 409, detail="The username 'ada' is taken. Choose another one.")


def test_users_can_change_their_own_account(ada: Client) -> None:
    changed = ada.patch("/users/ada", {"display_name": "Ada"})
    assert changed.json == ada.get("/users/ada").json
    assert {**(changed.json or {}), "role": "member"} == ada.get("/me").json
    assert changed.json
    assert changed.json["display_name"] == "Ada"
    assert changed.json["updated_at"] > changed.json["created_at"]


@pytest.mark.parametrize("changes", [{}, {"username": "eve"}, {"password": "12345678"}, {"bio": None}])
def test_invalid_changes_are_rejected(ada: Client, changes: dict[str, Any]) -> None:
    before = ada.get("/me").json
    assert_problem(ada.patch("/users/ada", changes), 422)
    assert ada.get("/me").json == before


def test_members_cannot_change_other_accounts(ada: Client, bob: Client) -> None:
    for response in (bob.patch("/users/ada", {"bio": "x"}), bob.delete("/users/ada")):
        assert_problem(response, 403, detail="You can change only your own account.")
    assert ada.get("/me").status_code == 200


def test_unknown_users_cannot_be_changed(ada: Client) -> None:
    for response in (ada.patch("/users/eve", {"bio": "x"}), ada.delete("/users/eve")):
        assert_problem(response, 404, detail="There is no user 'eve'.")


def test_a_user_can_be_deleted_only_without_posts(ada: Client, anyone: Client) -> None:
    ada.post("/posts", {"title": "t", "body": "b"})
    assert_problem(
        ada.delete("/users/ada"),
        409,
        detail="'ada' still has posts or drafts: delete them, or use `?posts=remove`.",
    )
    ada.delete("/posts/1")
    deleted = ada.delete("/users/ada")
    assert (deleted.status_code, deleted.data, "Content-Type" in deleted.headers) == (204, b"", False)
    assert_problem(anyone.get("/users/ada"), 404)
    assert_problem(ada.get("/me"), 401)


def test_a_user_can_be_deleted_with_all_posts(ada: Client, bob: Client, anyone: Client) -> None:
    for client in (ada, bob):
        for published_at in ("2026-01-31T12:00:00Z", None, "2999-01-01T00:00:00Z"):
            client.post("/posts", {"title": "t", "body": "b", "tags": ["x"], "published_at": published_at})
    since = (anyone.get("/changes/posts").json or {})["next_since"]
    assert_problem(bob.delete("/users/ada?posts=remove"), 403)
    for query in ("posts=", "posts=keep", "posts=Remove", "posts=remove&posts=remove", "tokens=remove"):
        assert_problem(ada.delete(f"/users/ada?{query}"), 422)
    invalid = assert_problem(ada.delete("/users/ada?posts=keep"), 422)
    assert invalid["errors"] == [{"detail": "Use `remove`.", "parameter": "posts"}]
    assert_problem(ada.send("DELETE", "/users/ada?posts=remove"), 428)
    assert_problem(ada.send("DELETE", "/users/ada?posts=remove", headers={"If-Match": '"x"'}), 412)
    assert len((ada.get("/posts?author=ada").json or {})["items"]) == 3
    deleted = ada.delete("/users/ada?posts=remove")
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert_problem(anyone.get("/users/ada"), 404)
    assert_problem(ada.delete("/users/ada?posts=remove"), 401)
    assert [post["author"]["username"] for post in (anyone.get("/posts?tag=x").json or {})["items"]] == ["bob"]
    removed = (anyone.get(f"/changes/posts?since={since}").json or {})["items"]
    # The draft was never in the feed; the third was scheduled.
    assert [(change["id"], change["post"]) for change in removed] == [(1, None), (3, None)]
    assert len((bob.get("/posts?author=bob").json or {})["items"]) == 3


def test_an_admin_can_delete_a_user_with_all_posts_once(ada: Client, admin: Client) -> None:
    assert ada.post("/posts", {"title": "t", "body": "b"}).status_code == 201
    assert admin.delete("/users/ada?posts=remove").status_code == 204
    assert_problem(admin.delete("/users/ada?posts=remove"), 404)


def test_a_user_with_too_many_posts_is_not_deleted_by_one_request(ada: Client) -> None:
    with ada.app.database.write() as db:
        for _ in range(constraints.CONTENT_MAX_POSTS + 1):
            posts.publish(db, author_id=1, title="t", body="", tags=[])
    problem = assert_problem(ada.delete("/users/ada?posts=remove"), 409)
    assert problem["code"] == "too-much-content"
    assert "pressroom users remove ada --posts" in problem["detail"]
    assert ada.delete("/posts/1").status_code == 204
    assert ada.delete("/users/ada?posts=remove").status_code == 204
    assert (ada.with_token("").get("/posts").json or {})["items"] == []


def test_users_are_listed_newest_first(anyone: Client, ada: Client, bob: Client) -> None:
    first = anyone.get("/users?limit=1")
    assert first.json
    assert [user["username"] for user in first.json["items"]] == ["bob"]
    assert first.headers["Link"] == f'</users?limit=1&cursor={first.json["next_cursor"]}>; rel="next"'
    second = anyone.get(f"/users?cursor={first.json['next_cursor']}")
    assert second.json
    assert [user["username"] for user in second.json["items"]] == ["ada"]
    assert second.json["next_cursor"] is None
    assert "Link" not in second.headers


@pytest.mark.parametrize("cursor", ["", "0" * 31, "0" * 33, "8" + "0" * 31, "g" * 32, "0" * 31 + "\n", "F" * 32])
def test_malformed_cursors_are_rejected(anyone: Client, cursor: str) -> None:
    assert_problem(anyone.get("/users", query_string={"cursor": cursor}), 422)


NEW_PASSWORD = "a quite different horse"


def change_password(client: Client, current: str = PASSWORD, new: str = NEW_PASSWORD, **options: Any) -> TestResponse:
    return client.send("PUT", "/me/password", json={"current_password": current, "new_password": new}, **options)


def test_changing_the_password_revokes_all_other_tokens(ada: Client, anyone: Client) -> None:
    stolen = ada.with_token(sign_in(ada))
    changed = change_password(ada)
    assert (changed.status_code, changed.data) == (204, b"")
    assert ada.get("/me").status_code == 200
    assert_problem(stolen.get("/me"), 401)
    assert_problem(anyone.post("/tokens", headers=basic_auth("ada", PASSWORD)), 401)
    assert anyone.post("/tokens", headers=basic_auth("ada", NEW_PASSWORD)).status_code == 201


def test_changing_the_password_is_idempotent(ada: Client) -> None:
    assert change_password(ada).status_code == 204
    other = ada.with_token(sign_in(ada, NEW_PASSWORD))
    assert change_password(ada).status_code == 204
    assert other.get("/me").status_code == 200  # the repetition changes nothing


def test_changing_the_password_requires_the_current_one(ada: Client) -> None:
    assert_problem(change_password(ada, current="wrong"), 403, detail="The password is wrong.")
    assert sign_in(ada)


@pytest.mark.parametrize(
    ("current", "new"), [(PASSWORD, "short"), (PASSWORD, "x" * 129), ("", NEW_PASSWORD), (PASSWORD, "\x00" * 8)]
)
def test_invalid_password_changes_are_rejected(ada: Client, current: str, new: str) -> None:
    assert_problem(change_password(ada, current, new), 422)
    assert sign_in(ada)


def test_admins_can_change_and_delete_all_users(ada: Client, admin: Client, anyone: Client) -> None:
    assert (admin.patch("/users/ada", {"bio": "x"}).json or {})["bio"] == "x"
    assert admin.delete("/users/ada").status_code == 204
    assert_problem(anyone.get("/users/ada"), 404)


def test_admins_can_list_and_delete_all_posts_of_a_user(ada: Client, admin: Client) -> None:
    for published_at in ("2026-01-31T12:00:00Z", None, "2999-01-01T00:00:00Z"):
        ada.post("/posts", {"title": "t", "body": "b", "published_at": published_at})
    assert_problem(admin.delete("/users/ada"), 409)
    for post in (admin.get("/posts?author=ada").json or {})["items"]:
        assert admin.delete(post["url"]).status_code == 204
    assert admin.delete("/users/ada").status_code == 204


def test_only_admins_can_register_users_if_registration_is_closed(build: Callable[..., Application]) -> None:
    app = build(registration="closed")
    account = {"username": "eve", "password": PASSWORD}
    response = Client(app).post("/users", account)
    assert_problem(response, 401, code="registration-closed", detail="Registration is closed. Sign in as an admin.")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Pressroom"'
    for content in (account, {}):  # authorization precedes validation
        response = signed_in_user(app, f"m{len(content)}").post("/users", content)
        assert_problem(response, 403, code="registration-closed")
    assert signed_in_user(app, "admin", role="admin").post("/users", account).status_code == 201


def test_members_can_register_other_users_if_registration_is_open(ada: Client) -> None:
    assert ada.post("/users", {"username": "eve", "password": PASSWORD}).status_code == 201
