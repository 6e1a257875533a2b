"""Measurements of Pressroom on its own: growth with the number of posts, start-up and import."""

import os
import sqlite3
import statistics
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks import databases, rows
from benchmarks.apps import APPS, BIN
from benchmarks.load import run_wrk
from benchmarks.paths import ROOT, SCRATCH
from benchmarks.servers import Server, serve
from benchmarks.workloads import PAGE

PAGE_SIZE = 20
STARTS = 5
IMPORTED_POSTS = 100_000


def growth(*, rounds: int, seconds: int) -> dict[str, dict[str, float]]:
    """Return the median CPU time of each read in milliseconds, in a small and in a large database.

    The deepest page is the last but one, the last with a next page: page 49,999 of a million posts.
    """
    sizes = {"small": databases.POSTS, "large": databases.MANY_POSTS}
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        reads: dict[str, dict[str, tuple[str, str]]] = {}
        for size, posts in sizes.items():
            path = databases.template(posts)
            _read_into_page_cache(path)
            servers[size] = stack.enter_context(serve(APPS["pressroom"], path))
            deepest = f"{PAGE}&cursor={databases.cursor(path, posts // PAGE_SIZE - 1, PAGE_SIZE)}"
            reads[size] = {
                "GET /posts/<id>": ("one_post", str(posts)),
                "the first page": ("repeat", PAGE),
                "the deepest page": ("repeat", deepest),
            }
        costs: dict[str, dict[str, list[float]]] = {read: {size: [] for size in sizes} for read in reads["small"]}
        for turn in range(rounds + 1):
            for read, size in ((read, size) for read in costs for size in sizes):
                load = run_wrk(servers[size], *reads[size][read], seconds=seconds if turn else 1)
                if turn:
                    costs[read][size].append(load.cpu_ms)
    return {
        read: {size: statistics.median(times) for size, times in by_size.items()} for read, by_size in costs.items()
    }


def start_seconds() -> float:
    """Return the median time from the command to the first response, with an existing database."""
    path = databases.template(databases.POSTS)
    times = []
    for _ in range(STARTS):
        with serve(APPS["pressroom"], path, core=None) as server:
            times.append(server.started_in)
    return statistics.median(times)


def imports_per_second() -> float:
    """Return how many posts per second `pressroom import` adds to an empty database, its own start included."""
    lines, database = SCRATCH / "import.ndjson", SCRATCH / "import.sqlite"
    with lines.open("w", encoding="utf-8") as file:
        file.writelines(rows.lines(IMPORTED_POSTS))
    databases.delete(database)
    environment = {**os.environ, "PRESSROOM_DATABASE_URL": f"sqlite:///{database}"}
    command = [str(BIN / "pressroom"), "import", str(lines)]
    started_at = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    seconds = time.perf_counter() - started_at
    with closing(sqlite3.connect(database)) as db:
        counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("users", "posts")]  # noqa: S608 (constants)
    if counts != [rows.USERS, IMPORTED_POSTS]:
        raise SystemExit(
            f"`pressroom import` stored {counts} instead of {[rows.USERS, IMPORTED_POSTS]} users and posts."
        )
    return IMPORTED_POSTS / seconds


def _read_into_page_cache(path: Path) -> None:
    """Read the file, so that it is cached as that of a running server is."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
