"""Checks that an application does the same work as Pressroom, before it is measured."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import product
from typing import Any

import psycopg

from benchmarks.databases import POSTS
from benchmarks.rows import EXPIRED, TOKEN
from benchmarks.servers import Response, Server
from benchmarks.workloads import BODY, PAGE, POST

POST_PATHS = [f"/posts/{number}" for number in (1, 2, 3, 4_711, POSTS // 2, POSTS)]
PAGES = 3
INVALID_POSTS = (
    {**POST, "title": ""},
    {**POST, "title": "x" * 201},
    {**POST, "body": "x" * 262_145},
    {**POST, "tags": ["twice", "twice"]},
    {**POST, "tags": ["Capital"]},
    {**POST, "tags": [f"tag-{number}" for number in range(11)]},
    {**POST, "slug": "Capital"},
    {**POST, "metadata": {"Capital": "x"}},
    {**POST, "metadata": {"name": "x" * 501}},
    {**POST, "comments": "ajar"},
    {**POST, "published_at": "yesterday"},
    {**POST, "unknown": 1},
    {"title": "without a body"},
)
GENERATED = ("id", "published_at", "created_at", "updated_at", "revision", "url")
"""Properties whose values differ between two new posts."""


class NotEquivalent(SystemExit):
    """An application responds differently from Pressroom."""


def require_equivalence(servers: Iterable[Server], reference: Server) -> None:
    """Check that all `servers` respond like `reference` to every workload; `NotEquivalent` if not."""
    # _publish comes last, because new posts change the first page.
    checks = (_read, _page, _not_modified, _reject, _publish)
    for check, server in product(checks, servers):
        try:
            check(server, reference)
        except (AssertionError, KeyError, ValueError) as error:
            name = check.__name__.strip("_")
            message = f"{server.app.title} does not do the same work as Pressroom ({name}): {error!r}"
            raise NotEquivalent(message) from error


def _equal(actual: object, expected: object, what: object) -> None:
    if isinstance(actual, dict) and isinstance(expected, dict) and actual.keys() == expected.keys():
        for name, value in expected.items():
            _equal(actual[name], value, f"{name} of {what}")
    elif actual != expected:
        raise AssertionError(f"{what}: {actual!r:.700} is not {expected!r:.700}")


def _json(response: Response, status: int, what: object) -> Any:
    _equal(response.status, status, what)
    _equal(response.headers["content-type"].partition(";")[0], "application/json", what)
    return json.loads(response.body)


def _read(server: Server, reference: Server) -> None:
    for path in POST_PATHS:
        actual, expected = (_json(each.request("GET", path), 200, path) for each in (server, reference))
        _equal(actual, expected, path)
        _equal(list(actual), list(expected), f"order of properties of {path}")
    _equal(server.request("GET", f"/posts/{POSTS * 10}").status, 404, "a post that does not exist")


def _page(server: Server, reference: Server) -> None:
    paths = [PAGE, PAGE]
    for _ in range(PAGES):
        responses = [each.request("GET", path) for each, path in zip((server, reference), paths, strict=True)]
        actual, expected = (_json(response, 200, path) for response, path in zip(responses, paths, strict=True))
        _equal(list(actual), list(expected), "properties of a page")
        _equal(actual["items"], expected["items"], paths[0])
        for response, page in zip(responses, (actual, expected), strict=True):
            link, _, relation = response.headers["link"].partition("; ")
            _equal((f"cursor={page['next_cursor']}" in link, relation), (True, 'rel="next"'), link)
        paths = [f"{PAGE}&cursor={page['next_cursor']}" for page in (actual, expected)]


def _post(server: Server, content: object, token: str | None = TOKEN) -> Response:
    headers = {"Content_Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    body = content if isinstance(content, str) else json.dumps(content)
    return server.request("POST", "/posts", body.encode(), **headers)


def _publish(server: Server, reference: Server) -> None:
    for content in (
        BODY,
        {**POST, "published_at": "2021-02-03T06:05:06.700001+02:00"},
        {**POST, "published_at": None, "comments": "closed"},
    ):
        response, expected = _post(server, content), _json(_post(reference, content), 201, "a new post")
        actual = _json(response, 201, "a new post")
        has_time = "published_at" in content and not isinstance(content, str)
        generated = [name for name in GENERATED if not (has_time and name == "published_at")]
        _equal({**actual, **dict.fromkeys(generated)}, {**expected, **dict.fromkeys(generated)}, "a new post")
        _equal(response.headers["location"], actual["url"], "Location")
        if actual["published_at"] is not None:
            _equal(_json(server.request("GET", actual["url"]), 200, "the new post, read back"), actual, "read back")
        for each, post in ((server, actual), (reference, expected)):
            _equal(_stored(each, post["id"]), (1, 1), f"rows of {each.app.title}")


def _stored(server: Server, post_id: int) -> tuple[int, ...]:
    """Return the number of correct rows of the post in `posts` and in `post_tags`."""
    counts = (
        "SELECT count(*) FROM posts JOIN users ON users.id = author_id WHERE posts.id = ? AND users.id = 1",
        "SELECT count(*) FROM post_tags NATURAL JOIN (SELECT id AS post_id, published_at FROM posts) p WHERE post_id=?",
    )
    if url := server.app.postgresql_url:
        with psycopg.connect(url) as connection:
            rows = [connection.execute(count.replace("?", "%s"), (post_id,)).fetchone() for count in counts]
            return tuple(row[0] for row in rows if row)
    with closing(sqlite3.connect(server.database)) as db:
        return tuple(db.execute(count, (post_id,)).fetchone()[0] for count in counts)


def _reject(server: Server, _reference: Server) -> None:
    for content in INVALID_POSTS:
        status = _post(server, content).status
        _equal(400 if status == 422 else status, 400, f"{content!r:.100}")
    for token in (None, "prt_unknown", EXPIRED):
        _equal(_post(server, POST, token).status, 401, f"the token {token}")


def _not_modified(server: Server, _reference: Server) -> None:
    current = server.request("GET", POST_PATHS[0]).headers["etag"]
    known = server.request("GET", POST_PATHS[0], If_None_Match=current)
    _equal((known.status, known.body, known.headers.get("etag", current)), (304, b"", current), "the current ETag")
    _equal(server.request("GET", POST_PATHS[0], If_None_Match='"another"').status, 200, "an outdated ETag")
    _equal(server.request("GET", POST_PATHS[1], If_None_Match=current).status, 200, "the ETag of another post")
