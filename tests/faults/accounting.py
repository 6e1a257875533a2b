"""Accounting of a fault: how requests fared under load, and whether an acknowledged write is lost."""

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Protocol

from tests.faults.load_generator import PAUSE_SECONDS, Load
from tests.support.paths import PROJECT_ROOT

LOAD_SECONDS = float(os.environ.get("FAULT_SECONDS", "1"))
"""How long there is load before a fault, and again after it."""
RESULTS = PROJECT_ROOT / "build" / "faults.json"
UNHANDLED = ("Exception on ", "Error handling request", "Exception in ")
"""What Flask, gunicorn and its workers log of an exception that no code handles."""
COLUMNS = ("fault", "requests sent", "failed", "acknowledged writes lost", "recovery time", "slowest response")

rows: list[tuple[str, ...]] = []
"""A row for each fault, in the order of the tests."""


class Server(Protocol):
    """A server that a fault is injected into."""

    log: Path

    def connect(self, *, timeout: float) -> HTTPConnection:
        """Return a client's connection."""


@contextmanager
def under_load(fault: str, server: Server, *, pause: float = PAUSE_SECONDS, extra_readers: int = 0) -> Iterator[Load]:
    """Send requests before, during and after the block, which injects the fault, and add a row to the table.

    Whatever the fault: no acknowledged write is lost, no response is 500, and SQLite's file is intact.
    """
    with Load(lambda: server.connect(timeout=30), pause=pause, extra_readers=extra_readers) as load:
        time.sleep(LOAD_SECONDS)
        yield load
        time.sleep(LOAD_SECONDS)
    sent, failures = len(load.requests), load.failures()
    recovery = max(load.longest_gap("GET"), load.longest_gap("POST"))
    lost = count_lost_writes(load)
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in failures.most_common())
    failed = f"{failures.total()} ({outcomes})" if outcomes else "0"
    note(fault, sent, failed, lost, f"{recovery:.1f} s", f"{load.slowest():.1f} s")
    assert not lost
    assert 500 not in failures
    log = server.log.read_text()
    assert not [message for message in UNHANDLED if message in log], log
    assert "Traceback" not in log or "The database is unavailable" in log, log
    for path in server.log.parent.glob("*.sqlite"):
        assert is_intact(path)


def is_intact(path: Path) -> bool:
    """Return whether a file passes SQLite's integrity check."""
    with closing(sqlite3.connect(path)) as database, suppress(sqlite3.DatabaseError):
        return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return False


def count_lost_writes(load: Load) -> int:
    """Count the acknowledged posts that are lost.

    First, each unacknowledged request with an idempotency key is sent again until it succeeds. Then no post may exist
    twice.
    """
    deadline = time.monotonic() + 10
    for post in [*load.posts]:
        while post.key and not post.url and not load.publish(post.title, post.key):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    sent = {post.title for post in load.posts}
    stored = Counter(title for title in stored_titles(load) if title in sent)
    duplicates = [title for title, number in stored.items() if number > 1]
    assert not duplicates, f"stored twice: {duplicates}"
    # By post, not by URL: a lost post may have left its URL to the next.
    acknowledged = [(post.title, post.url) for post in load.posts if post.url]
    assert acknowledged
    assert {post.title for post in load.posts if post.key} <= {title for title, _ in acknowledged}
    return sum(title not in stored or (load.read(url) or {}).get("title") != title for title, url in acknowledged)


def stored_titles(load: Load) -> Iterator[str]:
    """Yield the titles of all posts, page by page."""
    path: str | None = "/posts?limit=100"
    while path:
        page = load.read(path)
        yield from (post["title"] for post in page["items"])
        path = page["next_cursor"] and f"/posts?limit=100&cursor={page['next_cursor']}"


def note(fault: str, *results: object) -> None:
    """Add a row to the table of results."""
    rows.append((fault, *map(str, results)))


def results_table() -> str:
    """Return the rows as a Markdown table, and write them to `build/faults.json`."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows], indent=1) + "\n")
    return "\n".join(f"| {' | '.join(row)} |" for row in (COLUMNS, ("---",) * len(COLUMNS), *rows))
