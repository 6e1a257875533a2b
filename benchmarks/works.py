"""The four works that are measured."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.data import POSTS
from benchmarks.rows import TOKEN
from benchmarks.servers import Server

PAGE = "/posts?expand=body"
POST = {
    "title": "Notes on the engine, as they were printed",
    "body": ("It *weaves* patterns, as the loom of Monsieur Jacquard weaves “flowers” and leaves.\n" * 6)[:500],
    "tags": ["engines"],
}
BODY = json.dumps(POST, ensure_ascii=False)


def _tags(server: Server) -> tuple[str, ...]:
    paths = [f"/posts/{number}" for number in range(1, POSTS, POSTS // 8)]
    return tuple(each for path in paths for each in (path, server.ask("GET", path).headers["etag"]))


@dataclass(frozen=True)
class Work:
    """Some requests: what they are, the script that makes them, and what that is to be told."""

    title: str
    script: str
    arguments: Callable[[Server], tuple[str, ...]]


WORKS = {
    "W1": Work("GET /posts/<id>", "one", lambda _: (str(POSTS),)),
    "W2": Work(f"GET {PAGE}", "page", lambda _: (PAGE,)),
    "W3": Work("POST /posts", "publish", lambda _: (TOKEN, BODY)),
    "W4": Work("GET /posts/<id>, 304", "unchanged", _tags),
}
