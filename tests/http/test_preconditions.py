"""Conditional requests (RFC 9110, section 13).

PATCH /posts/1 HTTP/1.1
If-Match: "5e0d…"          the ETag that was read; 428 without it, 412 if it is out of date
"""

import pytest
from werkzeug.test import TestResponse

from api.http.application import Application
from api.store import posts
from api.store.engine.connections import Connection
from api.store.posts_table import Post
from api.store.users import User
from tests.contract.catalogue import CHANGES, READS, arrange
from tests.support.clients import Client
from tests.support.problems import assert_problem


@pytest.fixture(autouse=True)
def _resources(ada: Client) -> None:
    arrange(ada)


def etag(client: Client, path: str) -> str:
    return client.get(path).headers["ETag"]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_current_etag_gets_304(ada: Client, path: str, method: str) -> None:
    current = etag(ada, path)
    for condition in (current, f"W/{current}", f'"other", {current}', "*"):
        response = ada.send(method, path, headers={"If-None-Match": condition})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == current
        assert "no-cache" in response.headers["Cache-Control"]
        assert "Content-Type" not in response.headers


@pytest.mark.parametrize("path", READS)
def test_another_etag_gets_the_representation(ada: Client, path: str) -> None:
    response = ada.get(path, headers={"If-None-Match": '"other", malformed'})
    assert response.status_code == 200
    assert response.data


def test_a_changed_post_has_another_etag(ada: Client) -> None:
    before = etag(ada, "/posts/1")
    ada.patch("/posts/1", {"title": "new"})
    assert etag(ada, "/posts/1") != before


def test_a_post_of_a_changed_author_has_another_etag(ada: Client) -> None:
    before = etag(ada, "/posts/1")
    ada.patch("/users/ada", {"display_name": "Ada"})
    assert etag(ada, "/posts/1") != before


def test_a_list_with_a_changed_item_has_another_etag(ada: Client) -> None:
    before = etag(ada, "/posts")
    ada.patch("/posts/1", {"title": "new"})
    assert etag(ada, "/posts") != before


def test_responses_to_authenticated_requests_are_private(ada: Client, anyone: Client) -> None:
    public = "public, max-age=1, stale-while-revalidate=1"
    for client, cache_control in ((anyone, public), (ada, "no-cache, private")):
        for path in ("/posts", "/posts/1"):
            response = client.get(path)
            assert (response.headers["Cache-Control"], response.headers["Vary"]) == (cache_control, "Authorization")


@pytest.mark.parametrize("path", READS)
def test_shared_caches_may_store_a_response_under_its_canonical_url_only(anyone: Client, path: str) -> None:
    def cache_control(target: str) -> str:
        return anyone.get(path, environ_overrides={"RAW_URI": target}).headers["Cache-Control"]

    if anyone.get(path).status_code == 200:
        encoded = f"{path[:-1]}%{ord(path[-1]):02x}"
        assert cache_control(path).startswith("public")
        assert cache_control(f"{path}?") == "no-cache, private"
        assert "public" not in cache_control(encoded)


@pytest.mark.parametrize(
    ("query", "is_public"),
    [
        *((query, True) for query in ("limit=1", "limit=1&author=ada", "author=ada&tag=engines", "cursor=" + "0" * 32)),
        *((query, False) for query in ("%6cimit=1", "%6Cimit=1", "limit=%31", "author=a%64a", "limit=1&%74ag=engines")),
    ],
)
def test_shared_caches_may_store_lists_whose_query_is_canonical(anyone: Client, query: str, is_public: bool) -> None:
    response = anyone.get(f"/posts?{query}", environ_overrides={"RAW_URI": f"/posts?{query}"})
    assert response.status_code == 200
    assert response.headers["Cache-Control"].startswith("public") == is_public


def test_only_successful_anonymous_reads_may_be_cached_for_a_second(ada: Client, anyone: Client) -> None:
    for method in ("GET", "HEAD"):
        for path in READS:
            anonymous, authenticated = (client.send(method, path) for client in (anyone, ada))
            assert ("max-age=1," in anonymous.headers["Cache-Control"]) == (anonymous.status_code == 200)
            assert "max-age" not in authenticated.headers["Cache-Control"]
    assert "max-age" not in anyone.get("/posts/2").headers["Cache-Control"]
    assert "max-age" not in anyone.post("/users", {"username": "eve", "password": "12345678"}).headers["Cache-Control"]


def test_responses_to_writes_are_not_cached(ada: Client) -> None:
    assert ada.post("/posts", {"title": "t", "body": "b"}).headers["Cache-Control"] == "no-store"


changes = pytest.mark.parametrize(("method", "path", "content"), CHANGES)


def change(client: Client, method: str, path: str, content: object, if_match: str | None) -> TestResponse:
    return client.send(method, path, json=content, headers={} if if_match is None else {"If-Match": if_match})


@changes
def test_a_change_needs_the_current_etag(ada: Client, method: str, path: str, content: object) -> None:
    before = ada.get(path).json
    assert_problem(change(ada, method, path, content, None), 428)
    for stale in ('"other"', 'W/"other"', "", "other", '"*"', "malformed ,,"):
        assert_problem(change(ada, method, path, content, stale), 412)
    assert ada.get(path).json == before


@pytest.mark.parametrize("form", ["{current}", "W/{current}", '"other", {current}', "*"])
@changes
def test_a_change_with_the_current_etag_succeeds(
    ada: Client, method: str, path: str, content: object, form: str
) -> None:
    if (method, path) == ("DELETE", "/users/ada"):
        for post in ("/posts/1", "/posts/2"):
            ada.delete(post)
    assert change(ada, method, path, content, form.format(current=etag(ada, path))).status_code in {200, 204}


@changes
def test_permissions_are_checked_before_the_etag(
    bob: Client, anyone: Client, method: str, path: str, content: object
) -> None:
    for if_match in (None, '"other"', "*"):
        assert_problem(change(anyone, method, path, content, if_match), 401)
        assert_problem(change(bob, method, path, content, if_match), 403)


def test_the_second_of_two_changes_with_the_same_etag_is_rejected(ada: Client) -> None:
    current = etag(ada, "/posts/1")
    assert change(ada, "PATCH", "/posts/1", {"title": "first"}, current).status_code == 200
    assert_problem(change(ada, "PATCH", "/posts/1", {"title": "second"}, current), 412)
    assert_problem(change(ada, "DELETE", "/posts/1", None, current), 412)
    assert (ada.get("/posts/1").json or {})["title"] == "first"


def test_the_response_to_a_change_has_the_etag_for_the_next_change(ada: Client) -> None:
    created = ada.post("/posts", {"title": "t", "body": "b"})
    changed = change(ada, "PATCH", "/posts/3", {"title": "1"}, created.headers["ETag"])
    again = change(ada, "PATCH", "/posts/3", {"title": "2"}, changed.headers["ETag"])
    assert again.headers["ETag"] == etag(ada, "/posts/3")
    registered = ada.post("/users", {"username": "eve", "password": "12345678"})
    assert registered.headers["ETag"] == etag(ada, "/users/eve")
    removed = change(ada, "DELETE", "/posts/3", None, again.headers["ETag"])
    assert "ETag" not in removed.headers


def test_a_change_between_the_check_and_the_update_is_not_overwritten(
    app: Application, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the row is locked; if it changes nevertheless, the UPDATE finds no row."""

    def change_concurrently(db: Connection, post_id: int, *, principal: User) -> Post:
        post = get_for_update(db, post_id, principal=principal)
        posts.revise(db, post, title="concurrent")
        return post

    get_for_update = posts.get_for_update
    monkeypatch.setattr(posts, "get_for_update", change_concurrently)
    assert_problem(change(ada, "PATCH", "/posts/1", {"title": "new"}, etag(ada, "/posts/1")), 412)
