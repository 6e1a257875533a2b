"""Throughput by workers and threads, on SQLite and PostgreSQL and all cores: `python -m benchmarks.sweep`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import databases
from benchmarks.apps import pressroom
from benchmarks.load import Load, require_tools, run_wrk
from benchmarks.paths import RESULTS
from benchmarks.postgresql import postgresql_server
from benchmarks.report import machine, markdown_table
from benchmarks.rows import TOKEN
from benchmarks.servers import serve
from benchmarks.workloads import BODY

WORKERS, THREADS = (1, 2, 4), (1, 4, 8)
CONNECTIONS = 32
SECONDS = 3

READS = "one_post", str(databases.POSTS)
WRITES = "publish", TOKEN, BODY
MIXED = "mixed", str(databases.POSTS), TOKEN, BODY
LOADS = {"reads": READS, "writes": WRITES, "nine reads per write": MIXED}


def main() -> None:
    """Measure all combinations, print a table for each database, and write `build/benchmarks/sweep.json`."""
    require_tools()
    results: dict[str, list[dict[str, Any]]] = {}
    for database in ("SQLite", "PostgreSQL"):
        with _database(database) as (path, environment):
            results[database] = list(_measure(path, environment))
        print(f"\n{database}\n\n{_results_table(results[database])}", flush=True)
    report = {"machine": machine(), "connections": CONNECTIONS, "seconds": SECONDS, "results": results}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "sweep.json").write_text(json.dumps(report, indent=1) + "\n")


@contextmanager
def _database(database: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the database's file, or a path named after it, and the settings that it needs."""
    if database == "SQLite":
        yield databases.copy("sweep"), {}
        return
    with postgresql_server(databases.POSTS) as url:
        yield Path(database), {"PRESSROOM_DATABASE_URL": url}


def _measure(path: Path, environment: dict[str, str]) -> Iterator[dict[str, Any]]:
    for workers, threads in ((workers, threads) for workers in WORKERS for threads in THREADS):
        with serve(pressroom(workers=workers, threads=threads, **environment), path, core=None) as server:
            loads: dict[str, Load] = {}
            for name, (script, *arguments) in LOADS.items():
                for seconds in (1, SECONDS):  # the first warms up
                    loads[name] = run_wrk(
                        server, script, *arguments, seconds=seconds, core=None, connections=CONNECTIONS, strict=False
                    )
        yield {"workers": workers, "threads": threads, **{name: asdict(load) for name, load in loads.items()}}


def _results_table(cells: list[dict[str, Any]]) -> str:
    head = ["workers by threads", *(f"{name}: requests/s, p99 ms, CPU ms, failed" for name in LOADS)]
    lines = [[f"{cell['workers']} by {cell['threads']}", *(_cell(cell[name]) for name in LOADS)] for cell in cells]
    return markdown_table(head, lines)


def _cell(load: dict[str, float]) -> str:
    return f"{load['per_second']:,.0f}, {load['p99_ms']:.0f}, {load['cpu_ms']:.2f}, {load['failed']}"


if __name__ == "__main__":
    main()
