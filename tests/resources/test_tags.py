"""`/tags`, on both databases."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api import constraints
from api.http.application import Application
from api.store.columns import now
from tests.support.clients import Client
from tests.support.problems import assert_problem


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, build: Callable[..., Application]) -> Application:
    if request.param == "sqlite":
        return build()
    return build(database_url=request.getfixturevalue("postgresql_url"))


def tags(client: Client, query: str = "") -> list[str]:
    return [item["tag"] for item in read(client, f"/tags{query}")["items"]]


def read(client: Client, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200
    return response.json


def publish(client: Client, *tags: str, **content: object) -> Any:
    response = client.post("/posts", {"title": "t", "body": "b", "tags": tags, **content})
    assert response.status_code == 201
    return response.json


def test_tags_are_those_of_published_posts_in_alphabetical_order(ada: Client, bob: Client, anyone: Client) -> None:
    publish(ada, "b", "a")
    last = publish(bob, "b")
    publish(ada, "c", "b", published_at=None)
    publish(ada, "d", "b", published_at=(now() + timedelta(days=1)).isoformat())
    for client in (anyone, ada):
        assert tags(client) == ["a", "b"]
    [_, item] = read(anyone, "/tags")["items"]
    assert item == {"tag": "b", "published_at": last["published_at"], "posts_url": "/posts?tag=b"}
    bob.delete("/posts/2", headers={"If-Match": "*"})
    ada.patch("/posts/1", {"tags": ["é"]}, headers={"If-Match": "*"})
    assert tags(anyone) == ["é"]


def test_pages_and_links_lead_through_all_tags(ada: Client, anyone: Client) -> None:
    names = ["a", "engines", "über-uns", "日本", "z"]
    publish(ada, *names)
    found, path = [], "/tags?limit=2"
    while path:
        response: Any = anyone.get(path)
        found += [item["tag"] for item in response.json["items"]]
        assert response.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=1"
        link = response.headers.get("Link")
        assert (link is None) == (response.json["next_cursor"] is None)
        path = link[1 : link.index(">")] if link else ""
    assert found == sorted(names)
    for item in read(anyone, "/tags")["items"]:
        assert [post["id"] for post in read(anyone, item["posts_url"])["items"]] == [1]


# Sorted by code point they are in another order than in a dictionary of any language.
NAMES = [
    *("a", "a-b", "a-c", "aa", "ab", "b", "engine", "engines", "z", "0", "10", "9", "é", "école", "eclair", "ß", "ss"),
    *("über-uns", "uber", "ñ", "nz", "ø", "я", "ё", "日本", "本", "かな", "カナ", "한국", "عربي", "हिन्दी", "𠮷"),
]


def follow(client: Client, limit: int) -> list[str]:
    found, path = [], f"/tags?limit={limit}"
    while path:
        response: Any = client.get(path)
        found += [item["tag"] for item in response.json["items"]]
        path = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
    return found


def publish_names(client: Client) -> list[str]:
    """Publish posts with all names, and return these as they are stored, in the order of their code points."""
    stored = set[str]()
    for start in range(0, len(NAMES), 5):
        stored |= {*publish(client, *NAMES[start : start + 5])["tags"]}
    assert len(stored) == len(NAMES)
    return sorted(stored)


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_tags_of_all_scripts_are_in_the_order_of_their_code_points(ada: Client, anyone: Client, limit: int) -> None:
    assert publish_names(ada) == follow(anyone, limit)


def test_an_unchanged_page_is_304(ada: Client, anyone: Client) -> None:
    publish(ada, "a")
    response, head = anyone.get("/tags"), anyone.send("HEAD", "/tags")
    assert head.data == b""
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
        assert head.headers[name] == response.headers[name]
    for method in ("GET", "HEAD"):
        again = anyone.send(method, "/tags", headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    publish(ada, "a", "b")
    assert anyone.get("/tags", headers={"If-None-Match": response.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=", "cursor=a%20b", "cursor=%00", "author=ada"])
def test_an_invalid_query_is_422(anyone: Client, query: str) -> None:
    assert_problem(anyone.get(f"/tags?{query}"), 422)


def test_pages_are_short_if_most_tags_are_those_of_drafts(
    app: Application, ada: Client, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraints, "TAGS_MAX_STEPS", 3)
    for number in range(10):
        publish(ada, f"d{number}", published_at=None)
    publish(ada, "d7", "z")
    pages, cursor = [], ""
    while cursor is not None:
        page = read(anyone, f"/tags{cursor and '?cursor='}{cursor}")
        pages.append([item["tag"] for item in page["items"]])
        cursor = page["next_cursor"]
    assert pages == [[], [], ["d7"], ["z"]]


@pytest.mark.heavy
def test_many_tags_of_drafts_cost_little(app: Application, ada: Client, anyone: Client) -> None:
    post = publish(ada, "a", published_at=None)
    with app.database.engine.begin() as db:
        count = 1_000_000 if db.dialect.name == "sqlite" else 100_000  # a scan for each step would take seconds, too
        db.execute(
            sa.text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)\n"
                "INSERT INTO post_tags SELECT post_id, 'b' || i, published_at, author_id FROM n, post_tags\n"
                "WHERE post_id = :id"
            ),
            {"id": post["id"], "count": count},
        )
    clock = time.process_time if db.dialect.name == "sqlite" else time.monotonic  # SQLite works in this process
    started_at = clock()
    page = read(anyone, "/tags")
    assert (page["items"], page["next_cursor"] is None) == ([], False)
    assert clock() - started_at < (0.5 if db.dialect.name == "sqlite" else 2)
