"""How Pressroom scales: workers by threads, on SQLite and on PostgreSQL, on all cores. `python -m benchmarks.sweep`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.apps import pressroom
from benchmarks.load import Load, fire, require_tools
from benchmarks.paths import RESULTS
from benchmarks.postgresql import running
from benchmarks.report import machine, table
from benchmarks.rows import TOKEN
from benchmarks.servers import serving
from benchmarks.works import BODY

WORKERS, THREADS = (1, 2, 4), (1, 4, 8)
CONNECTIONS = 32
SECONDS = 3

READS = "one", str(data.POSTS)
WRITES = "publish", TOKEN, BODY
MIXED = "mixed", str(data.POSTS), TOKEN, BODY
LOADS = {"reads": READS, "writes": WRITES, "nine reads to a write": MIXED}


def main() -> None:
    """Measure all, print a table for each database, and write `build/benchmarks/sweep.json`."""
    require_tools()
    results: dict[str, list[dict[str, Any]]] = {}
    for database in ("SQLite", "PostgreSQL"):
        with _filled(database) as (path, environment):
            results[database] = list(_grid(path, environment))
        print(f"\n{database}\n\n{_told(results[database])}", flush=True)
    told = {"machine": machine(), "connections": CONNECTIONS, "seconds": SECONDS, "results": results}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "sweep.json").write_text(json.dumps(told, indent=1) + "\n")


@contextmanager
def _filled(database: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """The database's file, or its name, and the settings that it needs."""
    if database == "SQLite":
        yield data.copy("sweep"), {}
        return
    with running(data.POSTS) as url:
        yield Path(database), {"PRESSROOM_DATABASE_URL": url}


def _grid(path: Path, environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    for workers, threads in ((workers, threads) for workers in WORKERS for threads in THREADS):
        with serving(pressroom(workers=workers, threads=threads, **environment), path, core=None) as server:
            found: dict[str, Load] = {}
            for name, (script, *arguments) in LOADS.items():
                for seconds in (1, SECONDS):  # the first warms up
                    found[name] = fire(
                        server, script, *arguments, seconds=seconds, core=None, connections=CONNECTIONS, strict=False
                    )
        yield {"workers": workers, "threads": threads, **{name: asdict(load) for name, load in found.items()}}


def _told(cells: list[dict[str, Any]]) -> str:
    head = ["workers by threads", *(f"{name}: requests/s, p99 ms, CPU ms, failed" for name in LOADS)]
    lines = [[f"{cell['workers']} by {cell['threads']}", *(_cell(cell[name]) for name in LOADS)] for cell in cells]
    return table(head, lines)


def _cell(load: dict[str, float]) -> str:
    return f"{load['per_second']:,.0f}, {load['p99_ms']:.0f}, {load['cpu_ms']:.2f}, {load['failed']}"


if __name__ == "__main__":
    main()
