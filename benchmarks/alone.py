"""The second table, of Pressroom alone: growth, start, import."""

import os
import statistics
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import data, rows
from benchmarks.apps import APPS, BIN
from benchmarks.load import fire
from benchmarks.paths import ROOT, SCRATCH
from benchmarks.servers import Server, serving
from benchmarks.works import PAGE

SIZE = 20
STARTS = 5
IMPORTED = 100_000


def growth(*, rounds: int, seconds: int) -> dict[str, dict[str, float]]:
    """The CPU time of each read in milliseconds, in a small and in a large database: the median of the rounds.

    The deepest page is the last but one, the last that has a next: page 49,999 of a million posts.
    """
    sizes = {"small": data.POSTS, "large": data.MANY}
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        reads: dict[str, dict[str, tuple[str, str]]] = {}
        for size, posts in sizes.items():
            path = data.original(posts)
            _warm(path)
            servers[size] = stack.enter_context(serving(APPS["pressroom"], path))
            deepest = f"{PAGE}&cursor={data.cursor(path, posts // SIZE - 1, SIZE)}"
            reads[size] = {
                "GET /posts/<id>": ("one", str(posts)),
                "the first page": ("page", PAGE),
                "the deepest page": ("page", deepest),
            }
        costs: dict[str, dict[str, list[float]]] = {read: {size: [] for size in sizes} for read in reads["small"]}
        for turn in range(rounds + 1):
            for read, size in ((read, size) for read in costs for size in sizes):
                load = fire(servers[size], *reads[size][read], seconds=seconds if turn else 1)
                if turn:
                    costs[read][size].append(load.cpu_ms)
    return {
        read: {size: statistics.median(found) for size, found in by_size.items()} for read, by_size in costs.items()
    }


def start() -> float:
    """Seconds from the command to the first answer, with a database that is there: the median."""
    path = data.original(data.POSTS)
    times = []
    for _ in range(STARTS):
        with serving(APPS["pressroom"], path, core=None) as server:
            times.append(server.started_in)
    return statistics.median(times)


def imports() -> float:
    """Posts in a second that `pressroom import` keeps in an empty database, its start included."""
    lines, database = SCRATCH / "import.ndjson", SCRATCH / "import.sqlite"
    _write(lines)
    data.remove(database)
    environment = {**os.environ, "PRESSROOM_DATABASE_URL": f"sqlite:///{database}"}
    command = [str(BIN / "pressroom"), "import", str(lines)]
    began = time.perf_counter()
    told = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    took = time.perf_counter() - began
    kept = f"Imported {IMPORTED + rows.USERS}, skipped 0 already present, 0 errors."
    if kept not in told.splitlines()[-1]:
        raise SystemExit(f"The import told {told!r}, not {kept!r}.")
    return IMPORTED / took


def _warm(path: Path) -> None:
    """Have the file in memory, as that of a server that has been running is."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def _write(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(rows.lines(IMPORTED))
