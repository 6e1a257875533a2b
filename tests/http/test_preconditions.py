"""Conditional requests (RFC 9110, section 13).

PATCH /posts/1 HTTP/1.1
If-Match: "7d3f….1f8a…"    the ETag that was read; 428 without it, 412 if its revision is out of date
"""

import hashlib
import re

import pytest
from werkzeug.test import TestResponse

from api.http.application import Application
from api.store import accounts, posts
from api.store.engine.connections import Connection
from api.store.posts_table import Post
from api.store.users import User
from tests.contract.catalogue import CHANGES, READS, arrange
from tests.support.clients import PASSWORD, Client
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


def test_the_etag_is_a_hash_after_the_revision_if_there_is_one(ada: Client, anyone: Client) -> None:
    for path in READS:
        response = ada.get(path)
        digest = hashlib.sha256(response.data).hexdigest()[:32]
        has_revision = re.fullmatch(r"/me|/users/\w+(/posts/[\w-]+)?|/(posts|comments)/\d+", path) is not None
        revision = f"{(response.json or {})['revision']}." if has_revision else ""
        assert response.headers["ETag"] == f'"{revision}{digest}"'
    [post, summary] = (anyone.get(path).json or {} for path in ("/posts/1", "/posts?limit=1"))
    assert re.fullmatch("[0-9a-f]{16}", post["revision"])
    assert post["revision"] == summary["items"][0]["revision"]


def test_the_revision_of_a_post_does_not_depend_on_its_author(ada: Client) -> None:
    before = etag(ada, "/posts/1")
    ada.patch("/users/ada", {"display_name": "Ada"})
    after = etag(ada, "/posts/1")
    assert after.partition(".")[0] == before.partition(".")[0]
    assert after.partition(".")[2] != before.partition(".")[2]
    assert ada.get("/posts/1", headers={"If-None-Match": before}).status_code == 200
    assert change(ada, "PATCH", "/posts/1", {"title": "edited before and after"}, before).status_code == 200


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
    revision, digest = etag(ada, path).strip('"').split(".")
    parts = (f'"{digest}"', f'"{digest}.{revision}"', f'"{revision}{digest}"', f'"{revision[:-1]}"', f'"{revision}-"')
    malformed = (
        "",
        "other",
        "malformed ,,",
        '*, "a"',
        '"a", *',
        "W/*",
        f'"{revision}',
        ".",
        '"."',
    )
    upper = f'"{revision.upper()}."' if revision.upper() != revision else "other"  # one of 2,000 has digits only
    for stale in ('"other"', 'W/"other"', '"*"', upper, *parts, *malformed):
        assert_problem(change(ada, method, path, content, stale), 412)
    assert ada.get(path).json == before


@pytest.mark.parametrize(
    "form",
    [
        "{current}",
        "W/{current}",
        '"other", {current}',
        "*",
        '"{revision}"',
        'W/"{revision}"',
        '"{revision}.another-representation"',
        '"{revision}.{digest}-gzip"',
        '"{revision}-gzip"',
        '"other",W/"{revision}.{digest}-gzip", "third"',
    ],
)
@changes
def test_a_change_with_the_current_etag_succeeds(
    ada: Client, method: str, path: str, content: object, form: str
) -> None:
    if (method, path) == ("DELETE", "/users/ada"):
        for post in ("/posts/1", "/posts/2"):
            ada.delete(post)
    current = etag(ada, path)
    revision, digest = current.strip('"').split(".")
    if_match = form.format(current=current, revision=revision, digest=digest)
    assert change(ada, method, path, content, if_match).status_code in {200, 204}


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [("*", 412), ("{current}", 412), ('"other", W/{current}', 412), ('"{revision}"', 412), ('"other"', 200)],
)
def test_a_change_evaluates_if_none_match_after_if_match(ada: Client, if_none_match: str, status: int) -> None:
    """RFC 9110, section 13.2.2."""
    current = etag(ada, "/posts/1")
    condition = if_none_match.format(current=current, revision=current.strip('"').partition(".")[0])
    headers = {"If-Match": current, "If-None-Match": condition}
    assert ada.send("PATCH", "/posts/1", json={"title": "new"}, headers=headers).status_code == status
    assert ada.send("DELETE", "/posts/1", headers={**headers, "If-Match": '"stale"'}).status_code == 412


def test_an_item_of_a_list_can_be_changed_by_its_revision(ada: Client) -> None:
    for path in ("/users", "/posts", "/posts?author=ada&expand=body", "/posts?tag=engines"):
        for item in (ada.get(path).json or {})["items"]:
            if item["url"] == "/users/grace":
                continue  # who follows ada
            changes = {"title": path} if "title" in item else {"bio": path}
            assert change(ada, "PATCH", item["url"], changes, f'"{item["revision"]}"').status_code == 200


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/posts/1", {"title": "t"}),
        ("/posts/1", {"title": "t", "body": "b", "tags": ["y", "x"], "published_at": "2026-01-31T12:00:00.5Z"}),
        ("/posts/1", {"published_at": "2026-01-31T14:00:00.5000000009+02:00"}),
        ("/posts/2", {"published_at": None}),
        ("/users/ada", {"display_name": "Ada", "bio": ""}),
    ],
)
def test_a_change_to_the_stored_values_changes_nothing(ada: Client, path: str, content: dict[str, object]) -> None:
    ada.patch("/posts/1", {"title": "t", "body": "b", "tags": ["y", "x"], "published_at": "2026-01-31T12:00:00.5Z"})
    ada.patch("/users/ada", {"display_name": "Ada"})
    before = ada.get(path)
    for if_match in (before.headers["ETag"], "*"):
        unchanged = change(ada, "PATCH", path, content, if_match)
        assert (unchanged.status_code, unchanged.data) == (200, before.data)
        assert unchanged.headers["ETag"] == before.headers["ETag"]
    assert ada.get(path).data == before.data
    assert_problem(change(ada, "PATCH", path, content, '"0123456789abcdef"'), 412)


def test_the_order_of_tags_counts_as_a_change(ada: Client) -> None:
    ada.patch("/posts/1", {"tags": ["x", "y"]})
    before = ada.get("/posts/1").json or {}
    after = ada.patch("/posts/1", {"tags": ["y", "x"]}).json or {}
    assert after["tags"] == ["y", "x"]
    assert after["revision"] != before["revision"]
    assert after["updated_at"] > before["updated_at"]


def test_a_new_role_or_password_leaves_the_revision_as_it_is(app: Application, ada: Client) -> None:
    before = ada.get("/users/ada").data
    with app.database.write() as db:
        accounts.set_role(db, "ada", "admin")
    passwords = {"current_password": PASSWORD, "new_password": "staple battery horse correct"}
    assert ada.send("PUT", "/me/password", json=passwords).status_code == 204
    assert ada.get("/users/ada").data == before


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
