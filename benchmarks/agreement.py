"""Whether an application does the same work as Pressroom: it must before it is measured."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import product
from typing import Any

from benchmarks.data import POSTS
from benchmarks.rows import EXPIRED, TOKEN
from benchmarks.servers import Answer, Server
from benchmarks.works import BODY, PAGE, POST

READ = [f"/posts/{number}" for number in (1, 2, 3, 4_711, POSTS // 2, POSTS)]
PAGES = 3
REFUSED = (
    {**POST, "title": ""},
    {**POST, "title": "x" * 201},
    {**POST, "body": ""},
    {**POST, "body": "x" * 262_145},
    {**POST, "tags": ["twice", "twice"]},
    {**POST, "tags": ["Capital"]},
    {**POST, "tags": [f"tag-{number}" for number in range(11)]},
    {**POST, "published_at": "yesterday"},
    {**POST, "unknown": 1},
    {"title": "without a body"},
)
OWN = ("id", "published_at", "created_at", "updated_at", "url")
"""Members that differ by nature in what is created."""


class Disagreement(SystemExit):
    """An application answers otherwise."""


def agree(servers: Iterable[Server], model: Server) -> None:
    """Return if all `servers` answer every work as `model` does; `Disagreement` if not."""
    checks = (_read, _page, _unchanged, _refuse, _publish)  # what publishes comes last: it changes the first page
    for check, server in product(checks, servers):
        try:
            check(server, model)
        except (AssertionError, KeyError, ValueError) as error:
            told = f"{server.app.title} does not do the same work ({check.__name__.strip('_')}): {error!r}"
            raise Disagreement(told) from error


def _same(mine: object, wanted: object, what: object) -> None:
    if isinstance(mine, dict) and isinstance(wanted, dict) and mine.keys() == wanted.keys():
        for name, member in wanted.items():
            _same(mine[name], member, f"{name} of {what}")
    elif mine != wanted:
        raise AssertionError(f"{what}: {mine!r:.700} is not {wanted!r:.700}")


def _json(answer: Answer, status: int, what: object) -> Any:
    _same(answer.status, status, what)
    _same(answer.headers["content-type"].partition(";")[0], "application/json", what)
    return json.loads(answer.body)


def _read(server: Server, model: Server) -> None:
    for path in READ:
        mine, wanted = (_json(each.ask("GET", path), 200, path) for each in (server, model))
        _same(mine, wanted, path)
        _same(list(mine), list(wanted), f"order of members of {path}")
    _same(server.ask("GET", f"/posts/{POSTS * 10}").status, 404, "a post that is not there")


def _page(server: Server, model: Server) -> None:
    paths = [PAGE, PAGE]
    for _ in range(PAGES):
        answers = [each.ask("GET", path) for each, path in zip((server, model), paths, strict=True)]
        mine, wanted = (_json(answer, 200, path) for answer, path in zip(answers, paths, strict=True))
        _same(list(mine), list(wanted), "members of a page")
        _same(mine["items"], wanted["items"], paths[0])
        for answer, page in zip(answers, (mine, wanted), strict=True):
            link, _, relation = answer.headers["link"].partition("; ")
            _same((f"cursor={page['next_cursor']}" in link, relation), (True, 'rel="next"'), link)
        paths = [f"{PAGE}&cursor={page['next_cursor']}" for page in (mine, wanted)]


def _post(server: Server, content: object, token: str | None = TOKEN) -> Answer:
    headers = {"Content_Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    body = content if isinstance(content, str) else json.dumps(content)
    return server.ask("POST", "/posts", body.encode(), **headers)


def _publish(server: Server, model: Server) -> None:
    for content in (BODY, {**POST, "published_at": "2021-02-03T06:05:06.700001+02:00"}, {**POST, "published_at": None}):
        answer, wanted = _post(server, content), _json(_post(model, content), 201, "a new post")
        mine = _json(answer, 201, "a new post")
        given = "published_at" in content and not isinstance(content, str)
        differing = [name for name in OWN if not (given and name == "published_at")]
        _same({**mine, **dict.fromkeys(differing)}, {**wanted, **dict.fromkeys(differing)}, "a new post")
        _same(answer.headers["location"], mine["url"], "Location")
        if mine["published_at"] is not None:
            _same(_json(server.ask("GET", mine["url"]), 200, "the new post, read back"), mine, "read back")
        for each, post in ((server, mine), (model, wanted)):
            _same(_kept(each, post["id"]), (1, 1), f"rows of {each.app.title}")


def _kept(server: Server, number: int) -> tuple[int, ...]:
    counts = (
        "SELECT count(*) FROM posts JOIN users ON users.id = author_id WHERE posts.id = ? AND users.id = 1",
        "SELECT count(*) FROM post_tags NATURAL JOIN (SELECT id AS post_id, published_at FROM posts) WHERE post_id = ?",
    )
    with closing(sqlite3.connect(server.database)) as db:
        return tuple(db.execute(count, (number,)).fetchone()[0] for count in counts)


def _refuse(server: Server, _model: Server) -> None:
    for content in REFUSED:
        status = _post(server, content).status
        _same(400 if status == 422 else status, 400, f"{content!r:.100}")
    for token in (None, "prt_of-nobody", EXPIRED):
        _same(_post(server, POST, token).status, 401, f"the token {token}")


def _unchanged(server: Server, _model: Server) -> None:
    current = server.ask("GET", READ[0]).headers["etag"]
    known = server.ask("GET", READ[0], If_None_Match=current)
    _same((known.status, known.body, known.headers.get("etag", current)), (304, b"", current), "a current copy")
    _same(server.ask("GET", READ[0], If_None_Match='"another"').status, 200, "an old copy")
    _same(server.ask("GET", READ[1], If_None_Match=current).status, 200, "a copy of another post")
