"""`/suspensions`, and the suspension of a user."""

from typing import Any

from tests.support.clients import PASSWORD, Client, basic_auth, sign_in
from tests.support.problems import assert_problem

URL = "/users/ada/suspension"
POST = {"title": "engines", "body": "b", "tags": ["x"], "slug": "engines"}
OF_ADA = ["/users/ada", "/posts/1", "/users/ada/posts/engines"]
LISTS = ["/posts", "/posts?author=ada", "/posts?tag=x", "/posts?q=engines", "/posts?expand=body,html", "/tags"]


def suspend(admin: Client) -> None:
    response = admin.send("PUT", URL)
    assert (response.status_code, response.data) == (204, b"")


def items(client: Client, path: str) -> list[Any]:
    return list((client.get(path).json or {})["items"])


def feeds(client: Client) -> list[str]:
    return [client.get(path).text for path in ("/feed.atom", "/feed.atom?author=ada", "/feed.json", "/feed.json?tag=x")]


def test_a_suspended_user_and_their_posts_are_absent_everywhere_and_then_back(
    anyone: Client, ada: Client, bob: Client, admin: Client
) -> None:
    assert ada.post("/posts", POST).status_code == 201
    lists, read = [items(anyone, path) for path in LISTS], [anyone.get(path) for path in OF_ADA]
    assert all(lists)
    assert all("engines" in text for text in feeds(anyone))
    post_since, user_since = ((anyone.get(f"/changes/{kind}").json or {})["next_since"] for kind in ("posts", "users"))

    suspend(admin)
    suspend(admin)  # as often as it is sent
    for client in (anyone, bob):
        assert [items(client, path) for path in LISTS] == [[]] * len(LISTS)
        assert "ada" not in {user["username"] for user in items(client, "/users")}
        for path, earlier in zip(OF_ADA, read, strict=True):
            assert_problem(client.get(path, headers={"If-None-Match": earlier.headers["ETag"]}), 404)
    assert not any("engines" in text for text in feeds(anyone))
    [change] = items(anyone, f"/changes/posts?since={post_since}")
    assert (change["id"], change["post"]) == (1, None)
    [change] = items(anyone, f"/changes/users?since={user_since}")
    assert (change["username"], change["user"]) == ("ada", None)
    assert_problem(ada.get("/me"), 401)
    assert_problem(ada.post("/posts", POST), 401)

    for _ in range(2):
        assert admin.delete(URL).status_code == 204
    assert [items(anyone, path) for path in LISTS] == lists
    for path, earlier in zip(OF_ADA, read, strict=True):
        assert anyone.get(path, headers={"If-None-Match": earlier.headers["ETag"]}).status_code == 304
    assert all("engines" in text for text in feeds(anyone))
    [change] = items(anyone, f"/changes/posts?since={post_since}")
    assert change["post"]["title"] == "engines"


def test_responses_that_caches_may_store_are_fresh_for_a_second_only(
    anyone: Client, ada: Client, admin: Client
) -> None:
    ada.post("/posts", POST)
    for path in (*LISTS, *OF_ADA, "/users", "/feed.atom", "/feed.json", "/changes/posts", "/changes/users"):
        directives = anyone.get(path).headers["Cache-Control"].split(", ")
        assert {"max-age=1", "no-cache", "no-store"} & {*directives}, path
    suspend(admin)
    for path in OF_ADA:
        assert anyone.get(path).headers["Cache-Control"] == "no-store"
        assert admin.get(path).headers["Cache-Control"] == "no-cache, private"


def test_admins_see_a_suspended_user_and_their_posts(anyone: Client, ada: Client, admin: Client) -> None:
    published_at = "2026-01-31T12:00:00Z"
    ada.post("/posts", {**POST, "published_at": published_at})
    profile, post = anyone.get("/users/ada").json, anyone.get("/posts/1").json or {}
    suspend(admin)
    assert admin.get("/users/ada").json == profile
    assert admin.get("/posts/1").json == post == admin.get("/users/ada/posts/engines").json
    assert [each["published_at"] for each in items(admin, "/posts?author=ada")] == [published_at]
    [suspension] = items(admin, "/suspensions")
    assert suspension["user"] == profile
    assert suspension["suspended_at"] > published_at
    assert admin.patch("/posts/1", {"title": "new"}).status_code == 200
    put = {"title": "second", "body": "", "published_at": published_at}
    url = "/users/ada/posts/second"
    created = admin.send("PUT", url, json=put, headers={"If-None-Match": "*"})
    assert (created.status_code, (created.json or {})["published_at"]) == (201, published_at)
    again = admin.send("PUT", url, json=put, headers={"If-Match": '"out-of-date"'})
    assert (again.status_code, again.json) == (200, created.json)
    assert items(anyone, "/posts") == []
    assert admin.delete(URL).status_code == 204
    assert [each["title"] for each in items(anyone, "/posts")] == ["second", "new"]


def test_only_admins_may_suspend_and_others_learn_nothing(
    anyone: Client, ada: Client, bob: Client, admin: Client
) -> None:
    for username in ("ada", "eve", "admin"):
        for method in ("PUT", "DELETE"):
            path = f"/users/{username}/suspension"
            assert_problem(anyone.send(method, path), 401)
            assert "Only admins" in assert_problem(bob.send(method, path), 403)["detail"]
    assert_problem(bob.get("/suspensions"), 403)
    suspend(admin)
    for response in (
        bob.patch("/users/ada", {"bio": ""}),
        bob.delete("/users/ada"),
        bob.patch("/posts/1", {"title": "t"}),
    ):
        assert_problem(response, 404)
    assert_problem(anyone.post("/users", {"username": "ada", "password": PASSWORD}), 409)


def test_a_suspended_user_learns_why_they_cannot_sign_in_only_with_the_right_password(
    anyone: Client, ada: Client, admin: Client
) -> None:
    suspend(admin)
    in_body = {"username": "ada", "password": PASSWORD}
    for response in (anyone.post("/tokens", headers=basic_auth("ada")), anyone.post("/tokens", in_body)):
        problem = assert_problem(response, 403)
        assert problem["code"] == "user-suspended"
        assert "WWW-Authenticate" not in response.headers
    assert_problem(anyone.post("/tokens", headers=basic_auth("ada", "wrong")), 401)
    wrong = assert_problem(anyone.post("/tokens", {**in_body, "password": "wrong"}), 403)
    assert wrong["code"] == "wrong-credentials"
    admin.delete(URL)
    assert_problem(ada.get("/me"), 401)  # tokens stay revoked
    assert ada.with_token(sign_in(ada)).get("/me").status_code == 200


def test_admins_cannot_be_suspended(admin: Client) -> None:
    problem = assert_problem(admin.send("PUT", "/users/admin/suspension"), 409)
    assert problem["code"] == "user-is-admin"
    assert "pressroom users demote admin" in problem["detail"]


def test_suspensions_are_paged_and_those_who_were_suspended_last_come_first(
    ada: Client, bob: Client, admin: Client
) -> None:
    suspend(admin)
    admin.send("PUT", "/users/bob/suspension")
    first = admin.get("/suspensions?limit=1").json or {}
    assert [each["user"]["username"] for each in first["items"]] == ["bob"]
    second = admin.get(f"/suspensions?cursor={first['next_cursor']}").json or {}
    assert [each["user"]["username"] for each in second["items"]] == ["ada"]
    assert second["next_cursor"] is None
    etag = admin.get("/suspensions").headers["ETag"]
    assert admin.get("/suspensions", headers={"If-None-Match": etag}).status_code == 304
    admin.delete(URL)
    assert admin.get("/suspensions", headers={"If-None-Match": etag}).status_code == 200


def test_comments_likes_and_follows_of_a_suspended_user_are_hidden_and_then_back(
    anyone: Client, ada: Client, bob: Client, admin: Client
) -> None:
    assert [bob.post("/posts", POST).status_code, ada.post("/posts", POST).status_code] == [201, 201]
    assert ada.post("/posts/1/comments", {"body": "first"}).status_code == 201
    for client, path in (
        (ada, "/posts/1/like"),
        (bob, "/posts/2/like"),
        (ada, "/users/bob/follow"),
        (bob, "/users/ada/follow"),
    ):
        assert client.send("PUT", path).status_code == 204
    lists = ["/posts/1/comments", "/posts/1/likes", "/users/bob/likes", "/users/bob/followers", "/users/bob/following"]
    of_ada = ["/comments/1", "/users/ada/likes", "/users/ada/followers", "/users/ada/following", "/posts/2/likes"]
    before, read = [items(anyone, path) for path in lists], [anyone.get(path).json for path in of_ada]
    assert [len(found) for found in before] == [1] * len(lists)
    timeline = items(bob, "/timeline")
    assert [post["id"] for post in timeline] == [2]

    suspend(admin)
    assert [items(anyone, path) for path in lists] == [[]] * len(lists)
    for path in of_ada:
        assert_problem(anyone.get(path), 404)
        assert_problem(bob.get(path), 404)
    assert [admin.get(path).json for path in of_ada] == read
    assert [items(admin, path) for path in lists] == [[]] * len(lists)
    assert items(bob, "/timeline") == []
    assert_problem(bob.get("/users/ada/follow"), 404)
    assert_problem(bob.send("PUT", "/users/ada/follow"), 404)

    admin.delete(URL)
    assert [items(anyone, path) for path in lists] == before
    assert [anyone.get(path).json for path in of_ada] == read
    assert items(bob, "/timeline") == timeline

    suspend(admin)
    for path in ("/users/ada/follow", "/posts/2/like"):
        assert bob.delete(path).status_code == 204
        assert_problem(bob.delete(path), 404)
    admin.delete(URL)
    assert [items(anyone, path) for path in ("/users/ada/followers", "/posts/2/likes")] == [[], []]
