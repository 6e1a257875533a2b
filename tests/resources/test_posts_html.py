"""`expand=html`."""

from typing import Any

import pytest

from api import constraints
from api.json import dumps
from tests.support.clients import Client
from tests.support.corpus import corpus_lines, needs_corpus

POST = {"title": "t", "body": "It *weaves* patterns."}
HTML = "<p>It <em>weaves</em> patterns.</p>\n"
POSTS = ("/posts", "/posts?author=ada", "/posts?tag=x", "/posts?author=ada&tag=x")


def read(client: Client, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, response.data
    return response.json


def expanded(path: str, expand: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}expand={expand}"


@pytest.mark.parametrize("expand", ["html", "body,html", "body%2Chtml"])
def test_a_post_has_its_body_as_html_if_expanded(ada: Client, anyone: Client, expand: str) -> None:
    post: Any = ada.post("/posts", {**POST, "slug": "s"}).json
    for path in ("/posts/1", "/users/ada/posts/s"):
        assert read(anyone, path) == read(anyone, expanded(path, "body")) == post
        assert read(anyone, expanded(path, expand)) == {**post, "html": HTML}


@pytest.mark.parametrize("path", POSTS)
def test_lists_have_the_html_if_expanded(ada: Client, anyone: Client, path: str) -> None:
    post: Any = ada.post("/posts", {**POST, "tags": ["x"]}).json
    assert read(anyone, expanded(path, "body,html"))["items"] == [{**post, "html": HTML}]
    del post["body"]
    assert read(anyone, expanded(path, "html"))["items"] == [{**post, "html": HTML}]
    assert read(anyone, path)["items"] == [post]


def test_changes_have_the_html_if_expanded(ada: Client, anyone: Client) -> None:
    post: Any = ada.post("/posts", POST).json
    ada.post("/posts", POST)
    first = read(anyone, "/changes/posts?limit=1&expand=body,html")
    assert [item["post"] for item in first["items"]] == [{**post, "html": HTML}]
    second = read(anyone, f"/changes/posts?expand=html&since={first['next_since']}")
    assert [item["post"].keys() - post.keys() for item in second["items"]] == [{"html"}]
    assert [item["post"]["html"] for item in second["items"]] == [HTML]


@pytest.mark.parametrize("path", ["/posts", "/posts/1", "/changes/posts", "/users/ada/posts/s"])
@pytest.mark.parametrize("expand", ["", "HTML", "html,body", "html,html", "body,", "html,tags", "html%00"])
def test_other_values_are_422(ada: Client, anyone: Client, path: str, expand: str) -> None:
    ada.post("/posts", {**POST, "slug": "s"})
    response = anyone.get(expanded(path, expand))
    assert response.status_code == 422
    assert response.json
    assert response.json["errors"] == [{"detail": "Use `body`, `html` or `body,html`.", "parameter": "expand"}]


def test_the_etag_differs_by_expand_and_has_the_same_revision(ada: Client, anyone: Client) -> None:
    ada.post("/posts", POST)
    etags = {anyone.get(expanded("/posts/1", expand)).headers["ETag"] for expand in ("body", "html")}
    assert len(etags) == 2
    assert len({etag.partition(".")[0] for etag in etags}) == 1
    for etag in etags:
        assert anyone.get("/posts/1?expand=html", headers={"If-None-Match": etag}).status_code in {200, 304}
        assert ada.patch("/posts/1", {"title": "t"}, headers={"If-Match": etag}).status_code == 200


@pytest.mark.parametrize("path", ["/posts/1", "/posts"])
@pytest.mark.parametrize("expand", ["html", "body,html", "body%2Chtml"])
def test_a_shared_cache_may_store_it_and_a_client_may_validate_it(
    ada: Client, anyone: Client, path: str, expand: str
) -> None:
    ada.post("/posts", POST)
    response = anyone.get(expanded(path, expand))
    assert response.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=1"
    for method in ("GET", "HEAD"):
        again = anyone.send(method, expanded(path, expand), headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    head = anyone.send("HEAD", expanded(path, expand))
    assert head.headers["ETag"] == response.headers["ETag"]
    assert head.headers["Content-Length"] == response.headers["Content-Length"]


def test_a_revised_body_has_other_html(ada: Client, anyone: Client) -> None:
    ada.post("/posts", POST)
    assert read(anyone, "/posts/1?expand=html")["html"] == HTML
    ada.patch("/posts/1", {"body": "~~x~~"}, headers={"If-Match": "*"})
    assert read(anyone, "/posts/1?expand=html")["html"] == "<p><del>x</del></p>\n"


def test_drafts_have_html_for_their_author_only(ada: Client, anyone: Client) -> None:
    ada.post("/posts", {**POST, "published_at": None})
    assert read(ada, "/posts/1?expand=html")["html"] == HTML
    assert anyone.get("/posts/1?expand=html").status_code == 404
    assert read(ada, "/posts?author=ada&expand=html")["items"][0]["html"] == HTML
    assert read(anyone, "/posts?author=ada&expand=html")["items"] == []


WIDE = {  # characters of which the HTML is long
    "ampersands": "&",
    "empty items": "-\n",
    "empty quotes": ">\n\n",
    "emoji": "\U0001f600",
    "controls": "\x01",
    "links": "[a](b)",
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("expand", ["html", "body,html"])
def test_pages_of_the_longest_bodies_are_bounded_and_complete(
    ada: Client, anyone: Client, name: str, expand: str
) -> None:
    body = (WIDE[name] * constraints.BODY_MAX_LENGTH)[: constraints.BODY_MAX_LENGTH]
    for _ in range(3):
        assert ada.post("/posts", {"title": "t", "body": body}).status_code == 201
    for path in ("/posts?limit=3", "/changes/posts?limit=3"):
        ids, url = [], expanded(path, expand)
        for _ in range(5):
            response = anyone.get(url)
            assert response.status_code == 200
            assert len(response.data) <= constraints.PAGE_MAX_BYTES
            page: Any = response.json
            ids += [item["id"] for item in page["items"]]
            cursor = page.get("next_cursor") or page.get("next_since")
            if not cursor or not page["items"]:
                break
            url = expanded(f"{path}&{'cursor' if 'next_cursor' in page else 'since'}={cursor}", expand)
        assert sorted({*ids}) == [1, 2, 3]
    post = read(anyone, "/posts/1?expand=html")
    assert len(dumps([post["body"], post["html"]])) <= constraints.PAGE_MAX_BYTES


@needs_corpus
def test_the_html_of_real_posts_is_complete(ada: Client, anyone: Client) -> None:
    for line in corpus_lines()[-40:]:
        ada.post("/posts", {"title": "t", "body": line["post"]["body"]})
    items = []
    path = "/posts?limit=100&expand=body,html"
    while path:
        page = read(anyone, path)
        items += page["items"]
        path = page["next_cursor"] and f"/posts?limit=100&expand=body,html&cursor={page['next_cursor']}"
    assert len(items) == 40
    assert all(item["html"].startswith("<") for item in items)
