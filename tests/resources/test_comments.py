"""Comments on posts."""

from typing import Any

import pytest

from api import constraints
from api.http.application import Application
from api.json import dumps
from tests.support.clients import Client, signed_in_user, with_read_token
from tests.support.problems import assert_problem

POST = {"title": "t", "body": "b"}
DRAFT = {**POST, "published_at": None}
COMMENT = {"body": "It *weaves*."}
HTML = "<p>It <em>weaves</em>.</p>\n"


def read(client: Client, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, response.data
    return response.json


def comment(client: Client, body: str = "b", post_id: int = 1) -> Any:
    response = client.post(f"/posts/{post_id}/comments", {"body": body})
    assert response.status_code == 201, response.data
    return response.json


def bodies(client: Client, path: str = "/posts/1/comments") -> list[str]:
    return [item["body"] for item in read(client, path)["items"]]


def all_bodies(client: Client, query: str) -> list[str]:
    found, cursor = [], ""
    while cursor is not None:
        page = read(client, f"/posts/1/comments?{query}{cursor and f'&cursor={cursor}'}")
        assert len(dumps(page)) <= constraints.PAGE_MAX_BYTES
        found += [item["body"] for item in page["items"]]
        cursor = page["next_cursor"]
    return found


def test_a_comment_is_public_at_once(ada: Client, bob: Client, anyone: Client) -> None:
    ada.post("/posts", POST)
    created = bob.post("/posts/1/comments", COMMENT)
    assert (created.status_code, created.headers["Location"]) == (201, "/comments/1")
    content: Any = created.json
    assert content == {
        **COMMENT,
        "id": 1,
        "post_id": 1,
        "author": {"username": "bob", "display_name": "bob", "url": "/users/bob"},
        "url": "/comments/1",
        "post_url": "/posts/1",
        **{name: content[name] for name in ("created_at", "updated_at", "revision")},
    }
    assert read(anyone, "/comments/1") == content
    assert read(anyone, "/posts/1/comments") == {"items": [content], "next_cursor": None}


def test_pages_have_each_comment_of_the_post_once_oldest_first(ada: Client, bob: Client, anyone: Client) -> None:
    for _ in range(2):
        ada.post("/posts", POST)
    for number in range(7):
        comment(bob, str(number))
        comment(ada, "other", post_id=2)
    for limit in (1, 2, 3, 7, 8):
        assert all_bodies(anyone, f"limit={limit}") == [*"0123456"]
    assert bodies(anyone, f"/posts/1/comments?cursor={'7fffffffffffffff' * 2}") == []


@pytest.mark.parametrize("body", [" ", "\n", "\u200b", "\u3000 \t", " It weaves. "])
def test_bodies_are_stored_unchanged(ada: Client, anyone: Client, body: str) -> None:
    """As titles and the bodies of posts are, white space alone, too."""
    post = ada.post("/posts", {"title": body, "body": body})
    assert (post.status_code, (post.json or {})["title"], (post.json or {})["body"]) == (201, body, body)
    comment(ada, body)
    assert bodies(anyone) == [body]


def test_a_post_without_comments_has_an_empty_page(ada: Client, anyone: Client) -> None:
    ada.post("/posts", POST)
    for query in ("", "?expand=html"):
        assert read(anyone, f"/posts/1/comments{query}") == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("path", ["/posts/1/comments", "/comments/1"])
def test_comments_have_their_body_as_html_if_expanded(ada: Client, anyone: Client, path: str) -> None:
    ada.post("/posts", POST)
    ada.post("/posts/1/comments", COMMENT)
    content = read(anyone, f"{path}?expand=html")
    [found] = content.get("items", [content])
    assert found == {**read(anyone, "/comments/1"), "html": HTML}


@pytest.mark.parametrize("unit", ["\x01", "<b>&", "- ", "\U0001f600", "[a](b)", "|"])
def test_pages_of_the_longest_comments_are_bounded_and_complete(ada: Client, anyone: Client, unit: str) -> None:
    ada.post("/posts", POST)
    written = [
        f"{number:02}{unit * constraints.COMMENT_MAX_LENGTH}"[: constraints.COMMENT_MAX_LENGTH] for number in range(50)
    ]
    for body in written:
        comment(ada, body)
    for query in ("limit=100", "limit=100&expand=html"):
        assert all_bodies(anyone, query) == written


@pytest.mark.parametrize("body", ["", "x" * 10_001, "a\x00b", 1, None, ["x"]])
def test_invalid_bodies_are_rejected_by_pointer(ada: Client, body: object) -> None:
    ada.post("/posts", POST)
    comment(ada)
    for response in (ada.post("/posts/1/comments", {"body": body}), ada.patch("/comments/1", {"body": body})):
        assert [error["pointer"] for error in assert_problem(response, 422)["errors"]] == ["#/body"]
    assert bodies(ada) == ["b"]


def test_comments_are_hidden_while_the_post_is(ada: Client, bob: Client, admin: Client, anyone: Client) -> None:
    ada.post("/posts", POST)
    comment(bob)
    for published_at, status in ((None, 404), ("2999-01-01T00:00:00Z", 404), ("2026-01-31T12:00:00Z", 200)):
        ada.patch("/posts/1", {"published_at": published_at})
        for path in ("/posts/1/comments", "/comments/1"):
            for client in (anyone, bob, with_read_token(admin)):
                assert client.get(path).status_code == status
            for client in (ada, with_read_token(ada), admin):
                assert client.get(path).status_code == 200
        created = 201 if status == 200 else 404
        assert bob.post("/posts/1/comments", COMMENT).status_code == created
        assert bob.patch("/comments/1", {"body": f"at {published_at}"}).status_code == status
        if status == 404:
            assert bob.delete("/comments/1").status_code == 404
    assert bob.delete("/comments/1").status_code == 204


def test_there_are_no_comments_on_a_post_that_does_not_exist(ada: Client) -> None:
    assert_problem(ada.post("/posts/1/comments", COMMENT), 404)
    assert_problem(ada.get("/posts/1/comments"), 404)


@pytest.mark.parametrize(
    ("name", "revised", "removed"), [("bob", 200, 204), ("ada", 403, 204), ("admin", 200, 204), ("eve", 403, 403)]
)
def test_a_comment_is_revised_by_its_author_and_deleted_also_by_that_of_the_post(
    app: Application, name: str, revised: int, removed: int
) -> None:
    clients = {each: signed_in_user(app, each) for each in ("ada", "bob", "eve")}
    clients["admin"] = signed_in_user(app, "admin", role="admin")
    ada, bob, client = clients["ada"], clients["bob"], clients[name]
    ada.post("/posts", POST)
    comment(bob)
    assert client.patch("/comments/1", {"body": "new"}).status_code == revised
    assert bodies(ada) == ["new" if revised == 200 else "b"]
    assert with_read_token(client).delete("/comments/1").status_code == 403
    assert client.delete("/comments/1").status_code == removed
    assert bodies(ada) == ([] if removed == 204 else ["new" if revised == 200 else "b"])


def test_only_a_revision_with_another_body_changes_the_comment(ada: Client) -> None:
    ada.post("/posts", POST)
    first = comment(ada)
    assert ada.patch("/comments/1", {"body": "b"}).json == first
    second: Any = ada.patch("/comments/1", {"body": "new"}).json
    assert second == first | {"body": "new", "updated_at": second["updated_at"], "revision": second["revision"]}
    assert second["updated_at"] > first["updated_at"]
    assert second["revision"] != first["revision"]
    for method in ("PATCH", "DELETE"):
        content = {"json": {"body": "newer"}} if method == "PATCH" else {}
        assert_problem(ada.send(method, "/comments/1", headers={"If-Match": f'"{first["revision"]}"'}, **content), 412)
    assert read(ada, "/comments/1") == second


def test_a_comment_sent_again_with_its_key_is_created_once(ada: Client) -> None:
    for _ in range(2):
        ada.post("/posts", POST)
    headers = {"Idempotency-Key": "k"}
    first, second = (ada.post("/posts/1/comments", COMMENT, headers=headers) for _ in range(2))
    assert (first.status_code, first.data) == (second.status_code, second.data)
    assert len(bodies(ada)) == 1
    assert_problem(ada.post("/posts/2/comments", COMMENT, headers=headers), 422)


def test_a_closed_post_gets_no_more_comments_until_it_is_opened(ada: Client, bob: Client, admin: Client) -> None:
    ada.post("/posts", POST)
    comment(bob)
    for state in ("closed", "open"):
        assert (ada.patch("/posts/1", {"comments": state}).json or {})["comments"] == state
        for client in (ada, bob, admin):
            response = client.post("/posts/1/comments", COMMENT)
            assert response.status_code == (409 if state == "closed" else 201)
            if state == "closed":
                assert assert_problem(response, 409)["code"] == "comments-closed"
        assert bob.patch("/comments/1", {"body": state}).status_code == 200
    assert bodies(ada) == ["open"] + [COMMENT["body"]] * 3


def test_a_post_is_published_closed_or_open_and_a_put_without_the_property_opens_it(ada: Client) -> None:
    assert (ada.post("/posts", {**POST, "comments": "closed", "slug": "s"}).json or {})["comments"] == "closed"
    assert (ada.post("/posts", POST).json or {})["comments"] == "open"
    assert [item["comments"] for item in read(ada, "/posts")["items"]] == ["open", "closed"]
    assert [item["comments"] for item in read(ada, "/posts?expand=body,html")["items"]] == ["open", "closed"]
    assert [item["post"]["comments"] for item in read(ada, "/changes/posts")["items"]] == ["closed", "open"]
    put = {**POST, "published_at": "2026-01-31T12:00:00Z"}
    for state, content in (("closed", {**put, "comments": "closed"}), ("open", put)):
        response = ada.send("PUT", "/users/ada/posts/s", json=content, headers={"If-Match": "*"})
        assert (response.json or {})["comments"] == state


def test_a_comment_changes_neither_the_post_nor_its_etag(ada: Client, anyone: Client) -> None:
    ada.post("/posts", POST)
    before = anyone.get("/posts/1")
    comment(ada)
    after = anyone.get("/posts/1")
    assert (before.headers["ETag"], before.data) == (after.headers["ETag"], after.data)


def test_comments_are_deleted_with_their_post_and_with_their_author(ada: Client, bob: Client, anyone: Client) -> None:
    for post_id in (1, 2):
        ada.post("/posts", POST)
        comment(ada, "ada's", post_id)
        comment(bob, "bob's", post_id)
    assert ada.delete("/posts/2").status_code == 204
    assert [anyone.get(f"/comments/{id_}").status_code for id_ in range(1, 5)] == [200, 200, 404, 404]
    assert bob.delete("/users/bob").status_code == 204
    assert bodies(anyone) == ["ada's"]
