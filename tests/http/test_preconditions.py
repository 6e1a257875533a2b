"""Conditional requests (RFC 9110, section 13).

PATCH /posts/1 HTTP/1.1
If-Match: "5e0d…"          the ETag of what was read; without it 428, no longer true 412
"""

import pytest
from werkzeug.test import TestResponse

from api.http.application import Application
from api.store import posts
from api.store.engine.connections import Connection
from api.store.users import User
from tests.support.clients import Client
from tests.support.problems import assert_problem

READS = [
    "/",
    "/about",
    "/users",
    "/users/ada",
    "/posts",
    "/posts/1",
    "/tokens",
    "/tokens/1",
    "/me",
    "/docs",
    "/openapi.json",
]


@pytest.fixture(autouse=True)
def _a_post(ada: Client) -> None:
    ada.post("/posts", {"title": "t", "body": "b"})


def etag(client: Client, path: str) -> str:
    return client.get(path).headers["ETag"]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_copy_that_is_current_is_not_sent_again(ada: Client, path: str, method: str) -> None:
    tag = etag(ada, path)
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = ada.send(method, path, headers={"If-None-Match": condition})
        assert (response.status_code, response.data) == (304, b"")
        assert response.headers["ETag"] == tag
        assert "no-cache" in response.headers["Cache-Control"]
        assert "Content-Type" not in response.headers


@pytest.mark.parametrize("path", READS)
def test_a_copy_that_is_not_current_is_sent_anew(ada: Client, path: str) -> None:
    response = ada.get(path, headers={"If-None-Match": '"other", malformed'})
    assert response.status_code == 200
    assert response.data


def test_a_post_has_a_new_tag_when_it_changes(ada: Client) -> None:
    before = etag(ada, "/posts/1")
    ada.patch("/posts/1", {"title": "new"})
    assert etag(ada, "/posts/1") != before


def test_a_post_has_a_new_tag_when_its_author_does(ada: Client) -> None:
    before = etag(ada, "/posts/1")
    ada.patch("/users/ada", {"display_name": "Ada"})
    assert etag(ada, "/posts/1") != before


def test_a_list_has_a_new_tag_when_one_of_its_items_does(ada: Client) -> None:
    before = etag(ada, "/posts")
    ada.patch("/posts/1", {"title": "new"})
    assert etag(ada, "/posts") != before


def test_caches_ask_again_and_share_nothing_that_was_asked_with_a_token(ada: Client, anyone: Client) -> None:
    strangers = "public, max-age=1, stale-while-revalidate=1"
    for client, cache_control in ((anyone, strangers), (ada, "no-cache, private")):
        for path in ("/posts", "/posts/1"):
            response = client.get(path)
            assert (response.headers["Cache-Control"], response.headers["Vary"]) == (cache_control, "Authorization")


def test_shared_caches_may_keep_for_a_second_what_anybody_may_read_and_nothing_else(
    ada: Client, anyone: Client
) -> None:
    for method in ("GET", "HEAD"):
        for path in READS:
            stranger, signed_in = (client.send(method, path) for client in (anyone, ada))
            assert ("max-age=1," in stranger.headers["Cache-Control"]) == (stranger.status_code == 200)
            assert "max-age" not in signed_in.headers["Cache-Control"]
    assert "max-age" not in anyone.get("/posts/2").headers["Cache-Control"]
    assert "max-age" not in anyone.post("/users", {"username": "eve", "password": "12345678"}).headers["Cache-Control"]


def test_what_writes_answer_is_not_cached(ada: Client) -> None:
    assert ada.post("/posts", {"title": "t", "body": "b"}).headers["Cache-Control"] == "no-store"


CHANGES: list[tuple[str, str, object]] = [
    ("PATCH", "/posts/1", {"title": "new"}),
    ("DELETE", "/posts/1", None),
    ("PATCH", "/users/ada", {"bio": "new"}),
    ("DELETE", "/users/ada", None),
]
changes = pytest.mark.parametrize(("method", "path", "content"), CHANGES)


def change(client: Client, method: str, path: str, content: object, if_match: str | None) -> TestResponse:
    return client.send(method, path, json=content, headers={} if if_match is None else {"If-Match": if_match})


@changes
def test_a_change_says_which_version_it_changes(ada: Client, method: str, path: str, content: object) -> None:
    before = ada.get(path).json
    assert_problem(change(ada, method, path, content, None), 428)
    for stale in ('"other"', 'W/"other"', "", "other", '"*"', "malformed ,,"):
        assert_problem(change(ada, method, path, content, stale), 412)
    assert ada.get(path).json == before


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
@changes
def test_who_knows_the_current_version_changes_it(
    ada: Client, method: str, path: str, content: object, form: str
) -> None:
    if method == "DELETE":
        ada.delete("/posts/1") if path == "/users/ada" else None
    assert change(ada, method, path, content, form.format(tag=etag(ada, path))).status_code in {200, 204}


@changes
def test_who_may_not_change_it_is_told_so_first(
    bob: Client, anyone: Client, method: str, path: str, content: object
) -> None:
    for if_match in (None, '"other"', "*"):
        assert_problem(change(anyone, method, path, content, if_match), 401)
        assert_problem(change(bob, method, path, content, if_match), 403)


def test_the_second_of_two_who_read_the_same_is_refused(ada: Client) -> None:
    tag = etag(ada, "/posts/1")
    assert change(ada, "PATCH", "/posts/1", {"title": "first"}, tag).status_code == 200
    assert_problem(change(ada, "PATCH", "/posts/1", {"title": "second"}, tag), 412)
    assert_problem(change(ada, "DELETE", "/posts/1", None, tag), 412)
    assert (ada.get("/posts/1").json or {})["title"] == "first"


def test_a_change_tells_the_tag_for_the_next(ada: Client) -> None:
    created = ada.post("/posts", {"title": "t", "body": "b"})
    changed = change(ada, "PATCH", "/posts/2", {"title": "1"}, created.headers["ETag"])
    again = change(ada, "PATCH", "/posts/2", {"title": "2"}, changed.headers["ETag"])
    assert again.headers["ETag"] == etag(ada, "/posts/2")
    registered = ada.post("/users", {"username": "eve", "password": "12345678"})
    assert registered.headers["ETag"] == etag(ada, "/users/eve")
    removed = change(ada, "DELETE", "/posts/2", None, again.headers["ETag"])
    assert "ETag" not in removed.headers


def test_what_changes_while_it_is_judged_is_not_overwritten(
    app: Application, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the row is locked; should it change all the same, the UPDATE itself notices."""

    def changed_meanwhile(db: Connection, post_id: int, *, principal: User) -> posts.Post:
        read = editable(db, post_id, principal=principal)
        posts.revise(db, read, title="meanwhile")
        return read

    editable = posts.get_for_update
    monkeypatch.setattr(posts, "get_for_update", changed_meanwhile)
    assert_problem(change(ada, "PATCH", "/posts/1", {"title": "new"}, etag(ada, "/posts/1")), 412)
