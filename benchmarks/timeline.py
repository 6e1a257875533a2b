"""Measure the timeline among a million posts on both databases: `python -m benchmarks.timeline`.

It needs only the `dev` group and takes five minutes. Requests are sent to gunicorn with one worker. A page of the
timeline and the list page (W2) take turns, so that other load affects both.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from api import constraints
from api.http.authentication import hash_token
from api.store import timeline
from api.store.engine.connections import Query
from api.store.pages import encode_cursor
from benchmarks.report import markdown_table
from benchmarks.search import Site, postgresql_site, sqlite_site

POSTS, USERS = 1_000_000, 2_000
READERS = {
    "500 authors of 400 posts each": 1,
    "the same, of whom one has as many posts as the other 499": 2,
}
"""What a reader follows, and their id."""
PROLIFIC = USERS
REQUESTS = 200
"""Of each page; the least counts, because other processes may load this machine."""
PAGE_MAX_RATIO = 5.0
"""Of a request for a page of 20 posts to W2."""
W2 = "/posts?limit=20&expand=body"
_START = datetime(2020, 1, 1, microsecond=1)  # noqa: DTZ001 (stored in UTC, without a time zone)
COLUMNS = {
    "users": "id, username, display_name, bio, revision, created_at, updated_at",
    "posts": "id, author_id, title, body, tags, published_at, revision, created_at, updated_at",
    "follows": "follower_id, followed_id, followed_at, hidden",
    "tokens": "user_id, name, sha256, created_at, expires_at",
}


class Timing(NamedTuple):
    """Milliseconds of a page in the database and of its request, and the ratio of that to W2."""

    database_ms: float
    request_ms: float
    ratio: float


class _Id(NamedTuple):
    id: int


NAIVE = Query(
    _Id,
    sa.text(
        "SELECT posts.id FROM posts WHERE posts.id < :before "
        "AND author_id IN (SELECT followed_id FROM follows WHERE follower_id = :reader) "
        "ORDER BY posts.id DESC LIMIT 100"
    )
    .bindparams(sa.bindparam("before", type_=sa.Integer), sa.bindparam("reader", type_=sa.Integer))
    .columns(id=sa.Integer),
)


def token(reader: int) -> str:
    """Return the secret of a reader's token."""
    return "prt_" + f"{reader:043}"


def rows(table: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table."""
    rng, text = random.Random(1), "It *weaves* patterns. " * 22  # noqa: S311 (not for security)
    match table:
        case "users":
            for number in range(1, USERS + 1):
                yield number, f"user-{number}", f"User {number}", "", f"{number:016x}", _START, _START
        case "posts":
            for number in range(1, POSTS + 1):
                author = PROLIFIC if rng.random() < 0.2 else rng.randint(1, USERS - 1)
                at = _START + timedelta(minutes=number)
                yield number, author, f"t{number}", text, "[]", at, f"{number:016x}", at, at
        case "follows":
            others = range(len(READERS) + 1, len(READERS) + 1 + constraints.FOLLOWED_MAX_ITEMS)
            for reader, followed in ((1, [*others]), (2, [*others[1:], PROLIFIC])):
                yield from ((reader, user, _START, False) for user in followed)
        case "tokens":
            later = _START + timedelta(days=36_500)
            yield from ((reader, "", hash_token(token(reader)), _START, later) for reader in READERS.values())


def measure(site: Site, reader: int, *, limit: int, cursor: str = "") -> tuple[Timing, list[int]]:
    """Return the least times of a page, and the ids of its posts."""
    database, requested, listed = list[float](), list[float](), list[float]()
    path, headers = f"/timeline?limit={limit}&expand=body", {"Authorization": f"Bearer {token(reader)}"}
    path += cursor and f"&cursor={cursor}"
    page = json.loads(site.get(path, headers)[0])
    for _ in range(REQUESTS):
        with site.database.read() as db:
            start = time.perf_counter()
            timeline.page(db, follower_id=reader, limit=limit, cursor=cursor or None, expand="body")
            database.append(time.perf_counter() - start)
        requested.append(site.get(path, headers)[1])
        listed.append(site.get(W2)[1])
    in_database, request, w2 = (min(times) * 1_000 for times in (database, requested, listed))
    return Timing(in_database, request, request / w2), [post["id"] for post in page["items"]]


def is_right(site: Site, reader: int, ids: list[int], *, before: int) -> bool:
    """Return whether the posts are those that a naive query has before a post."""
    with site.database.read() as db:
        return ids == [row.id for row in db.all(NAIVE, reader=reader, before=before)][: len(ids)]


def main() -> None:
    """Measure on both databases and print the results; exit with status 1 if one is not within its limit."""
    failed, lines = False, list[list[str]]()
    deep = encode_cursor((_START + timedelta(minutes=POSTS // 2)).replace(tzinfo=UTC), POSTS // 2)
    for name, open_site in {"SQLite": sqlite_site, "PostgreSQL": postgresql_site}.items():
        with open_site(COLUMNS, rows) as site:
            for followed, reader in READERS.items():
                for limit in (20, 100):
                    for page, cursor, before in (("first", "", POSTS + 1), ("deep", deep, POSTS // 2)):
                        timing, ids = measure(site, reader, limit=limit, cursor=cursor)
                        failed |= limit == 20 and timing.ratio > PAGE_MAX_RATIO
                        failed |= len(ids) != limit or not is_right(site, reader, ids, before=before)
                        figures = f"{timing.database_ms:.2f}", f"{timing.request_ms:.2f}", f"{timing.ratio:.1f}"
                        lines.append([name, f"{page}, {limit} posts, {followed}", *figures])
                        print(*lines[-1], sep=", ", flush=True)
    head = ["database", f"page of a timeline among {POSTS:,} posts", "ms in the database", "ms of the request", "÷ W2"]
    print(markdown_table(head, lines))
    sys.exit(failed)


if __name__ == "__main__":
    main()
