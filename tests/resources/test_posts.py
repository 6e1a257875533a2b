"""`/posts`."""

from typing import Any
from urllib.parse import quote

import pytest

from api import constraints
from tests.support.clients import Client
from tests.support.problems import assert_problem

POST = {"title": "t", "body": "b"}

INVALID: dict[str, list[Any]] = {
    "title": ["", "x" * 201, "\x00", 1, None],
    "slug": ["", "-", "-x", "x-", "x--y", "X", "x_y", "é", "x" * 81, "x\n", 1, True],
    "body": ["x" * 262_145, "a\x00b", {}, None],
    "metadata": [None, [], "x", {f"n{number}": "" for number in range(21)}],
    "comments": [None, "", "Open", True],
    "tags": [None, "x", [str(number) for number in range(11)]],
    "published_at": ["", "now", 0, True],
    **{name: [1] for name in ("id", "author", "author_id", "created_at", "revision", "url")},
}
INVALID_TAGS = ["", "-x", "x y", "x\n", "x\u200dy", "x" * 50, 1, None]


def titles(client: Client, path: str) -> list[str]:
    page = client.get(path).json
    assert page
    return [post["title"] for post in page["items"]]


@pytest.mark.parametrize("content", [POST, {**POST, "tags": []}])
def test_a_post_published_now_has_one_timestamp(ada: Client, content: dict[str, object]) -> None:
    for headers in ({}, {"Idempotency-Key": "k"}):
        post = ada.post("/posts", content, headers=headers).json or {}
        assert post["published_at"] == post["created_at"] == post["updated_at"]


def test_a_published_post_is_public_at_once(ada: Client, anyone: Client) -> None:
    created = ada.post("/posts", {**POST, "tags": ["engines"]})
    assert (created.status_code, created.headers["Location"]) == (201, "/posts/1")
    read = anyone.get("/posts/1").json
    assert read == created.json
    assert read
    assert read["published_at"] <= read["created_at"] == read["updated_at"]
    assert read == {
        **POST,
        "id": 1,
        "slug": None,
        "tags": ["engines"],
        "metadata": {},
        "comments": "open",
        "author": {"username": "ada", "display_name": "ada", "url": "/users/ada"},
        "url": "/posts/1",
        **{name: read[name] for name in ("published_at", "created_at", "updated_at", "revision")},
    }


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "\n",
        "\r\n\r",
        "x\u2028y",
        "😀" * 10,
        "\ufeffx",
        "e\u0301",
        "\u202e",
        "</script>",
        "{{7*7}}",
        "\x7f\x1b",
    ],
)
def test_bodies_are_stored_unchanged(ada: Client, body: str) -> None:
    ada.post("/posts", {**POST, "body": body})
    read = ada.get("/posts/1").json
    assert read
    assert read["body"] == body


@pytest.mark.parametrize(
    "content",
    [
        {"title": "😀" * constraints.TITLE_MAX_LENGTH, "body": "b" * constraints.BODY_MAX_LENGTH},
        {**POST, "tags": [str(number) for number in range(constraints.TAGS_MAX_ITEMS)]},
        {**POST, "tags": ["0" + "-" * 48]},
        {**POST, "slug": "x" * constraints.SLUG_MAX_LENGTH},
        {**POST, "slug": "0-" * 39 + "00"},
        {**POST, "metadata": {f"{number:a<40}": "\x01" * 500 for number in "abcdefghijklmnopqrst"}},
        {**POST, "metadata": {"a": ""}},
    ],
)
def test_values_at_the_limits_are_accepted(ada: Client, content: dict[str, Any]) -> None:
    assert ada.post("/posts", content).status_code == 201


@pytest.mark.parametrize(
    ("name", "value", "pointer"),
    [
        *((name, value, name) for name, values in INVALID.items() for value in values),
        *(("tags", [tag], "tags/0") for tag in INVALID_TAGS),
    ],
)
def test_invalid_properties_are_rejected_by_pointer(ada: Client, name: str, value: Any, pointer: str) -> None:
    for response in (ada.post("/posts", {**POST, name: value}), ada.patch("/posts/1", {name: value})):
        errors = assert_problem(response, 422)["errors"]
        assert {error["pointer"] for error in errors} == {f"#/{pointer}"}
    assert titles(ada, "/posts?author=ada") == []


@pytest.mark.parametrize(
    ("metadata", "name"), [({"X": ""}, "X"), ({"a": "", "b": 1}, "b"), ({"": ""}, ""), ({"a": "x" * 501}, "a")]
)
def test_invalid_metadata_are_rejected_by_pointer(ada: Client, metadata: dict[str, Any], name: str) -> None:
    for response in (ada.post("/posts", {**POST, "metadata": metadata}), ada.patch("/posts/1", {"metadata": metadata})):
        [error] = assert_problem(response, 422)["errors"]
        assert error["pointer"] == f"#/metadata/{name}"


def test_slugs_and_metadata_are_in_posts_and_in_lists(ada: Client, anyone: Client) -> None:
    content = {"slug": "notes-on-the-engine", "metadata": {"zz": "1", "a": "\U0001f600"}}
    created = ada.post("/posts", {**POST, **content}).json
    for post in (created, anyone.get("/posts/1").json, (anyone.get("/posts").json or {})["items"][0]):
        assert post
        assert {name: post[name] for name in content} == content
    assert list(created["metadata"]) == ["zz", "a"] if created else False


def test_slugs_and_metadata_can_be_changed_and_removed(ada: Client) -> None:
    ada.post("/posts", {**POST, "slug": "a", "metadata": {"a": "1", "b": "2"}})
    changed: list[dict[str, Any]] = [{"slug": "b"}, {"metadata": {"c": "3"}}, {"slug": None, "metadata": {}}]
    for changes in changed:
        revised = ada.patch("/posts/1", changes).json
        assert revised
        assert {name: revised[name] for name in changes} == changes


def test_a_taken_slug_is_reported_to_its_author_only(ada: Client, bob: Client, admin: Client) -> None:
    for client in (ada, bob):
        assert client.post("/posts", {**POST, "slug": "a"}).status_code == 201
    ada.post("/posts", POST)
    for response in (
        ada.post("/posts", {**POST, "slug": "a"}),
        ada.patch("/posts/3", {"slug": "a"}),
        admin.patch("/posts/3", {"slug": "a"}),
    ):
        problem = assert_problem(response, 409, code="slug-taken")
        assert problem["detail"].startswith("Another post of the same author has the slug 'a'. Choose another slug")
    assert ada.patch("/posts/1", {"slug": "a"}).status_code == 200
    assert ada.delete("/posts/1").status_code == 204
    assert ada.patch("/posts/3", {"slug": "a"}).status_code == 200


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T14:00:00.5+02:00", "2026-01-31T12:00:00.500000Z"),
        ("2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123456Z"),
        ("1000-01-01T00:00:00Z", "1000-01-01T00:00:00Z"),
        ("8999-12-31T23:59:59.999999Z", "8999-12-31T23:59:59.999999Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T18:59:60-05:00", "2017-01-01T00:00:00Z"),
        (None, None),
    ],
)
def test_published_at_is_stored_in_utc(ada: Client, sent: str | None, stored: str | None) -> None:
    created = ada.post("/posts", {**POST, "published_at": sent}).json
    assert created
    assert created["published_at"] == stored


@pytest.mark.parametrize(
    "published_at",
    [
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z",
        "2026-01-31T12:00:00Z\n",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "٢٠٢٦-01-31T12:00:00Z",
        "0999-12-31T23:59:59Z",
        "9000-01-01T00:00:00Z",
        "1000-01-01T00:00:00+00:01",
        "8999-12-31T23:59:59-00:01",
        "8999-12-31T23:59:60Z",
        "2026-01-31T12:00:00+01:75",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00." + "0" * 60 + "Z",
    ],
)
def test_invalid_datetimes_are_rejected(ada: Client, published_at: str) -> None:
    errors = assert_problem(ada.post("/posts", {**POST, "published_at": published_at}), 422)["errors"]
    assert errors[0]["detail"].startswith("Not a valid RFC 3339 datetime")


@pytest.mark.parametrize("published_at", [None, "2999-01-01T00:00:00Z"])
def test_unpublished_posts_are_hidden_from_other_clients(
    ada: Client, bob: Client, anyone: Client, published_at: str | None
) -> None:
    ada.post("/posts", {**POST, "published_at": published_at})
    assert ada.get("/posts/1").status_code == 200
    assert titles(ada, "/posts?author=ada") == ["t"]
    for other in (bob, anyone):
        assert_problem(other.get("/posts/1"), 404, detail="There is no post 1.")
        assert titles(other, "/posts?author=ada") == titles(other, "/posts") == []
    for response in (bob.patch("/posts/1", {"title": "x"}), bob.delete("/posts/1")):
        assert_problem(response, 404, detail="There is no post 1.")
    assert titles(ada, "/posts") == []


def test_a_draft_is_published_by_setting_published_at(ada: Client, anyone: Client) -> None:
    ada.post("/posts", {**POST, "published_at": None})
    ada.patch("/posts/1", {"published_at": "2026-01-31T12:00:00Z"})
    assert titles(anyone, "/posts") == ["t"]
    ada.patch("/posts/1", {"published_at": None})
    assert titles(anyone, "/posts") == []


def test_authors_can_revise_their_posts(ada: Client) -> None:
    ada.post("/posts", {**POST, "tags": ["x"]})
    revised = ada.patch("/posts/1", {"title": "new", "tags": []})
    assert revised.status_code == 200
    assert revised.json == ada.get("/posts/1").json
    assert revised.json
    assert (revised.json["title"], revised.json["body"], revised.json["tags"]) == ("new", "b", [])
    assert revised.json["updated_at"] > revised.json["created_at"]


def test_members_cannot_change_posts_of_other_authors(ada: Client, bob: Client) -> None:
    ada.post("/posts", POST)
    for response in (bob.patch("/posts/1", {"title": "x"}), bob.delete("/posts/1")):
        assert_problem(response, 403, detail="You can change only your own posts.")
    assert titles(ada, "/posts") == ["t"]


def test_admins_can_read_and_change_all_posts(ada: Client, admin: Client) -> None:
    ada.post("/posts", {**POST, "published_at": None})
    assert (admin.get("/posts/1").json or {})["title"] == "t"
    revised = admin.patch("/posts/1", {"title": "new"}).json or {}
    assert (revised["title"], revised["author"]["username"]) == ("new", "ada")
    assert admin.delete("/posts/1").status_code == 204


def test_deleted_posts_are_not_found(ada: Client) -> None:
    ada.post("/posts", POST)
    deleted = ada.delete("/posts/1")
    assert (deleted.status_code, deleted.data, "Content-Type" in deleted.headers) == (204, b"", False)
    for response in (ada.get("/posts/1"), ada.delete("/posts/1"), ada.patch("/posts/1", {"title": "x"})):
        assert_problem(response, 404)


def test_lists_can_be_filtered_by_author_and_tag(ada: Client, bob: Client, anyone: Client) -> None:
    ada.post("/posts", {**POST, "title": "1", "tags": ["x"]})
    bob.post("/posts", {**POST, "title": "2", "tags": ["x", "y"]})
    ada.post("/posts", {**POST, "title": "3", "tags": ["y"]})
    assert titles(anyone, "/posts") == ["3", "2", "1"]
    assert titles(anyone, "/posts?author=ada") == ["3", "1"]
    assert titles(anyone, "/posts?tag=y") == ["3", "2"]
    assert titles(anyone, "/posts?tag=x&author=bob") == ["2"]
    assert titles(anyone, "/posts?tag=z") == titles(anyone, "/posts?author=eve") == []


def test_posts_are_found_by_any_spelling_of_a_tag(ada: Client, anyone: Client) -> None:
    created = ada.post("/posts", {**POST, "tags": ["ÜBER-UNS", "日本", "u\u0308ber-uns"]}).json
    assert created
    assert created["tags"] == ["über-uns", "日本"]
    for tag in ("über-uns", "u\u0308ber-uns", "Über-Uns", "日本"):
        assert titles(anyone, f"/posts?tag={quote(tag)}") == ["t"]
    assert titles(anyone, f"/posts?tag={quote('¡')}") == []


def test_only_the_normal_form_of_a_tag_may_be_stored_by_shared_caches(anyone: Client) -> None:
    for tag, is_public in (
        ("über-uns", True),
        ("日本", True),
        ("u\u0308ber-uns", False),
        ("Über-uns", False),
        ("X", False),
    ):
        assert ("public" in anyone.get(f"/posts?tag={quote(tag)}").headers["Cache-Control"]) == is_public


def test_lists_have_bodies_only_if_expanded(ada: Client, anyone: Client) -> None:
    ada.post("/posts", POST)
    for path, body in (("/posts", None), ("/posts?expand=body", "b")):
        page = anyone.get(path).json
        assert page
        assert page["items"][0].get("body") == body


@pytest.mark.parametrize(
    "query", ["expand=", "expand=author", "tag=x+y", "tag=", "author=A", "author=", "page=1", "=", "TAG=x"]
)
def test_invalid_queries_are_rejected(anyone: Client, query: str) -> None:
    assert_problem(anyone.get(f"/posts?{query}"), 422)


def test_the_link_to_the_next_page_has_all_parameters(ada: Client, anyone: Client) -> None:
    for number in range(3):
        ada.post("/posts", {**POST, "title": str(number), "tags": ["x"]})
    path, found = "/posts?limit=1&tag=x&expand=body", []
    while path:
        response = anyone.get(path)
        assert response.json
        found += [post["title"] for post in response.json["items"]]
        path = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == ["2", "1", "0"]


LARGEST_BODIES = ["\x01" * constraints.BODY_MAX_LENGTH, "\N{SCROLL}" * constraints.BODY_MAX_LENGTH, '"\n' * 131_072]


@pytest.mark.parametrize("query", ["", "&author=ada", "&tag=x", "&author=ada&tag=x"])
def test_pages_of_large_posts_are_short_and_lead_to_the_next(ada: Client, anyone: Client, query: str) -> None:
    for body in LARGEST_BODIES * 2:
        assert ada.post("/posts", {**POST, "title": "\x01" * 200, "body": body, "tags": ["x"]}).status_code == 201
    path: str | None = f"/posts?limit=100&expand=body{query}"
    found: list[int] = []
    while path:
        page, head = anyone.get(path), anyone.send("HEAD", path)
        assert page.json
        assert page.json["items"]
        assert len(page.data) <= constraints.PAGE_MAX_BYTES
        names = ("ETag", "Content-Length", "Link")
        assert [head.headers.get(name) for name in names] == [page.headers.get(name) for name in names]
        found += (post["id"] for post in page.json["items"])
        link = page.headers.get("Link")
        assert (page.json["next_cursor"] is None) == (link is None)
        path = link.partition(">")[0][1:] if link else None
    assert found == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("expand", ["", "&expand=body"])
@pytest.mark.parametrize("query", ["", "&author=ada", "&tag=x", "&author=ada&tag=x"])
def test_pages_of_posts_with_large_metadata_are_short(ada: Client, anyone: Client, query: str, expand: str) -> None:
    metadata = {f"{name:a<40}": "\x01" * 500 for name in "abcdefghijklmnopqrst"}
    for _ in range(40):
        assert ada.post("/posts", {**POST, "tags": ["x"], "metadata": metadata}).status_code == 201
    path: str | None = f"/posts?limit=100{expand}{query}"
    found: list[int] = []
    while path:
        page = anyone.get(path)
        assert page.json
        assert len(page.data) <= constraints.PAGE_MAX_BYTES
        found += (post["id"] for post in page.json["items"])
        link = page.headers.get("Link")
        path = link.partition(">")[0][1:] if link else None
    assert found == [*range(40, 0, -1)]


def test_the_largest_post_in_json_fits_into_a_page(ada: Client) -> None:
    created = ada.post("/posts", {"title": "\x01" * 200, "body": LARGEST_BODIES[0], "tags": ["\U00020000" * 49]})
    assert 1.5 * 2**20 < len(created.data) < constraints.PAGE_MAX_BYTES
