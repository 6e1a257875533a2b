"""Measure pages of comments, and the removal of a user who has 100,000: `python -m benchmarks.conversation`.

It needs only the `dev` group and takes ten minutes. On both databases, a user publishes 100,000 posts, and writes as
many comments on one post of another user. First, pages of these comments and of the 1,000 on another post take turns.
Then an operator suspends and removes the user, while the other user publishes, in another process than the command.
"""

import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import sqlalchemy as sa

from api.settings import Settings
from api.store import comments, posts, users
from api.store.comments_table import comments as comments_table
from api.store.engine.connections import Connection, Query
from api.store.engine.database import Database
from api.store.pages import encode_cursor
from api.store.users import User
from benchmarks.postgresql import postgresql_server
from benchmarks.report import markdown_table


class CommentId(NamedTuple):
    """The id of a comment."""

    id: int


POSTS = 100_000
"""Of the user, with a comment for each."""
FEW_COMMENTS = ROWS_AT_ONCE = 1_000
PAGE_ROWS, PAGE_REPEATS = 20, 500
PAGE_MAX_RATIO = 1.1
"""Of the time of a page at 100,000 comments to that at 1,000."""
UNDISTURBED_SECONDS = 10.0
PAUSE_SECONDS = 0.005
"""Between two writes."""
WAIT_MAX_SECONDS = 0.3
"""The longest that a write may take, with its own time."""
COMMANDS = (["suspend", "ada"], ["unsuspend", "ada"], ["remove", "ada", "--posts"])
COMMENT_IDS = Query(
    CommentId,
    sa.select(comments_table.c.id)
    .where(comments_table.c.post_id == sa.bindparam("post_id"))
    .order_by(comments_table.c.created_at, comments_table.c.id),
)
BODY = "It *weaves* algebraical patterns. " * 15


class Writer:
    """A client that publishes posts of a user, one after the other, while a block runs."""

    def __init__(self, database: Database, author: User) -> None:
        self._database, self._author = database, author
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish)
        self._seconds = list[float]()

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def times(self) -> list[str]:
        """Return what its writes took in milliseconds: the median, the 99th percentile and the longest."""
        seconds = sorted(self._seconds)
        return [f"{1_000 * seconds[round((len(seconds) - 1) * part)]:.1f}" for part in (0.5, 0.99, 1)]

    def _publish(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            started = time.perf_counter()
            self._database.transact(
                lambda db: posts.publish(db, author_id=self._author.id, title="Notes", body=BODY, tags=["engines"])
            )
            self._seconds.append(time.perf_counter() - started)


def fill(database: Database) -> tuple[User, list[int]]:
    """Return the other user, and the posts with many comments and with few."""
    with database.write() as db:
        ada, bob = (users.register(db, username=name) for name in ("ada", "bob"))
        many, few = (posts.publish(db, author_id=bob.id, title="Notes", body=BODY, tags=[]).id for _ in range(2))
        for _ in range(FEW_COMMENTS):
            comments.create(db, few, author=bob, body=BODY)
    for _ in range(POSTS // ROWS_AT_ONCE):
        with database.write() as db:
            for _ in range(ROWS_AT_ONCE):
                posts.publish(db, author_id=ada.id, title="Notes", body=BODY, tags=["engines", "looms"])
                comments.create(db, many, author=ada, body=BODY)
    return bob, [many, few]


def measure_pages(database: Database, post_ids: list[int]) -> Iterator[list[str]]:
    """Yield a row of the table for the first page and for one from the middle: the least time at many and at few."""
    with database.read() as db:
        middles = [middle_cursor(db, post_id) for post_id in post_ids]
        for name, cursors in (("first", [None, None]), ("deep", middles)):
            least = [math.inf, math.inf]
            for _ in range(PAGE_REPEATS):
                for number, (post_id, cursor) in enumerate(zip(post_ids, cursors, strict=True)):
                    started = time.perf_counter()
                    comments.page(db, post_id, limit=PAGE_ROWS, cursor=cursor, viewer=None)
                    least[number] = min(least[number], time.perf_counter() - started)
            many, few = least
            yield [
                database_name(database),
                name,
                *(f"{1_000_000 * seconds:.0f}" for seconds in least),
                f"{many / few:.2f}",
            ]


def middle_cursor(db: Connection, post_id: int) -> str:
    """Return the cursor of the page that begins after half of the comments."""
    ids = [row.id for row in db.all(COMMENT_IDS, post_id=post_id)]
    comment = comments.get(db, ids[len(ids) // 2], viewer=None)
    return encode_cursor(comment.created_at, comment.id)


def measure_commands(database: Database, url: str, bob: User) -> Iterator[list[str]]:
    """Yield a row of the table for each command, after one without."""
    with Writer(database, bob) as writer:
        time.sleep(UNDISTURBED_SECONDS)
    yield [database_name(database), "none", f"{UNDISTURBED_SECONDS:.0f}", *writer.times()]
    for command in COMMANDS:
        started = time.perf_counter()
        with Writer(database, bob) as writer:
            subprocess.run(
                [sys.executable, "-m", "api.cli", "users", *command],
                env={**os.environ, "PRESSROOM_DATABASE_URL": url},
                check=True,
                stdout=sys.stderr,
            )
        seconds = time.perf_counter() - started
        yield [database_name(database), f"`users {' '.join(command)}`", f"{seconds:.0f}", *writer.times()]


def database_name(database: Database) -> str:
    """Return the name for the tables."""
    return "SQLite" if database.is_sqlite else "PostgreSQL"


def measure(url: str) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows of both tables for a database, which is filled first."""
    database = Database(Settings(database_url=url))
    database.upgrade()
    bob, post_ids = fill(database)
    if not database.is_sqlite:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as db:
            db.execute("VACUUM ANALYZE")
    pages = list(measure_pages(database, post_ids))
    commands = list(measure_commands(database, url, bob))
    database.close()
    return pages, commands


def main() -> None:
    """Print the tables, and exit with status 1 if a page or a write took too long."""
    with tempfile.TemporaryDirectory() as directory:
        pages, commands = measure(f"sqlite:///{Path(directory) / 'pressroom.sqlite'}")
    with postgresql_server(0) as url:
        for table, rows in zip((pages, commands), measure(url), strict=True):
            table.extend(rows)
    print(markdown_table(["database", "page", "µs at 100,000", "µs at 1,000", "ratio"], pages))
    print()
    print(markdown_table(["database", "command", "s", "ms of other writes: median", "99 %", "longest"], commands))
    if any(float(row[-1]) > PAGE_MAX_RATIO for row in pages):
        sys.exit(f"A page took more than {PAGE_MAX_RATIO} times as long among 100,000 comments.")
    if any(float(row[-1]) > 1_000 * WAIT_MAX_SECONDS for row in commands):
        sys.exit(f"A write took longer than {WAIT_MAX_SECONDS} s.")


if __name__ == "__main__":
    main()
