"""What a fault has cost, and that nothing which was acknowledged is among it."""

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

from tests.faults.load import PAUSE, Load
from tests.support.paths import PROJECT_ROOT

SECONDS = float(os.environ.get("FAULT_SECONDS", "1"))
"""How long there is load before a fault, and again after it."""
KEPT = PROJECT_ROOT / "build" / "faults.json"
UNFORESEEN = ("Exception on ", "Error handling request", "Exception in ")
"""What Flask, gunicorn and its workers say of an exception that nobody has foreseen."""
HEAD = ("fault", "requests sent", "failed", "acknowledged writes lost", "recovery time", "slowest answer")

rows: list[tuple[str, ...]] = []
"""A row for each fault, in the order in which they came to pass."""


class Server(Protocol):
    """What a fault befalls."""

    log: Path

    def connect(self, *, timeout: float) -> HTTPConnection:
        """A client's connection."""


@contextmanager
def under_load(fault: str, server: Server, *, pause: float = PAUSE, crowd: int = 0) -> Iterator[Load]:
    """Requests before, in and after the block that brings the fault about; then its account, and its row.

    Whatever the fault, nothing that was acknowledged is lost, nothing is answered by 500, and SQLite's file is whole.
    """
    with Load(lambda: server.connect(timeout=30), pause=pause, crowd=crowd) as load:
        time.sleep(SECONDS)
        yield load
        time.sleep(SECONDS)
    sent, failed, gap = len(load.requests), load.failed(), max(load.gap("GET"), load.gap("POST"))
    lost = settle(load)
    how = ", ".join(f"{number} {outcome}" for outcome, number in failed.most_common())
    note(fault, sent, f"{failed.total()} ({how})" if how else "0", lost, f"{gap:.1f} s", f"{load.slowest():.1f} s")
    assert not lost
    assert 500 not in failed
    log = server.log.read_text()
    assert not [words for words in UNFORESEEN if words in log], log
    assert "Traceback" not in log or "The database is unavailable" in log, log
    for path in server.log.parent.glob("*.sqlite"):
        assert is_whole(path)


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong in a file."""
    with closing(sqlite3.connect(path)) as database, suppress(sqlite3.DatabaseError):
        return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return False


def settle(load: Load) -> int:
    """How many acknowledged writes are lost, after each unanswered request with a key has been repeated until it is.

    Nothing may have been done twice.
    """
    deadline = time.monotonic() + 10
    for post in [*load.posts]:
        while post.key and not post.url and not load.publish(post.title, post.key):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    kept = Counter(titles(load))
    twice = [title for title, number in kept.items() if number > 1]
    assert not twice, f"there twice: {twice}"
    # By post, not by URL: one that is lost may have left its URL to the next.
    acknowledged = [(post.title, post.url) for post in load.posts if post.url]
    assert acknowledged
    assert {post.title for post in load.posts if post.key} <= {title for title, _ in acknowledged}
    return sum(title not in kept or (load.read(url) or {}).get("title") != title for title, url in acknowledged)


def titles(load: Load) -> Iterator[str]:
    """The titles of all posts, page by page."""
    path: str | None = "/posts?limit=100"
    while path:
        page = load.read(path)
        yield from (post["title"] for post in page["items"])
        path = page["next_cursor"] and f"/posts?limit=100&cursor={page['next_cursor']}"


def note(fault: str, *account: object) -> None:
    """Keep a row for the table."""
    rows.append((fault, *map(str, account)))


def table() -> str:
    """The rows, in Markdown; kept as JSON, too."""
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps([dict(zip(HEAD, row, strict=True)) for row in rows], indent=1) + "\n")
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, ("---",) * len(HEAD), *rows))
