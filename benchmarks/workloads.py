"""The four workloads that are measured."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.databases import POSTS
from benchmarks.rows import TOKEN
from benchmarks.servers import Server

PAGE = "/posts?expand=body"
POST = {
    "title": "Notes on the engine, as they were printed",
    "body": ("It *weaves* patterns, as the loom of Monsieur Jacquard weaves “flowers” and leaves.\n" * 6)[:500],
    "tags": ["engines"],
}
BODY = json.dumps(POST, ensure_ascii=False)


@dataclass(frozen=True)
class Workload:
    """Requests of one kind: the Lua script that sends them, and its arguments."""

    title: str
    script: str
    arguments: Callable[[Server], tuple[str, ...]]


def _etags(server: Server) -> tuple[str, ...]:
    paths = [f"/posts/{number}" for number in range(1, POSTS, POSTS // 8)]
    return tuple(each for path in paths for each in (path, server.request("GET", path).headers["etag"]))


WORKLOADS = {
    "W1": Workload("GET /posts/<id>", "one_post", lambda _: (str(POSTS),)),
    "W2": Workload(f"GET {PAGE}", "repeat", lambda _: (PAGE,)),
    "W3": Workload("POST /posts", "publish", lambda _: (TOKEN, BODY)),
    "W4": Workload("GET /posts/<id>, 304", "not_modified", _etags),
}
