"""Compute how much each arrangement of machines can serve, from measured figures: `python -m benchmarks.capacity`.

Nothing is measured here. The figures are of the machines that are named beside them; write those of your own in place.
"""

import argparse
from collections.abc import Iterator

from benchmarks.report import markdown_table

ONE_MS, PAGE_MS = 0.450, 0.646
"""CPU of Pressroom for a post (W1) and the newest 20 (W2), on SQLite: benchmarks/README.md."""
POSTGRESQL_FACTOR = 1.5
"""At most, of Pressroom's CPU for a read on PostgreSQL to one on SQLite: docs/explanation/performance.md."""
SERVER_ONE_MS, SERVER_PAGE_MS = 0.043, 0.090
"""CPU of PostgreSQL for the same: 4,000 calls of the store each, with 20,000 posts."""
SQLITE_WRITES, POSTGRESQL_WRITES = 320, 700
"""Posts per second: docs/explanation/performance.md. The first is the least that was measured, the second the most."""
BYTES_PER_POST = 1_911
"""On PostgreSQL, with indexes, for 500 characters and two tags: 20,000 posts."""
CITUS_ONE, CITUS_PAGE, CITUS_WRITE = 5.6, 4.4, 2.6
"""Times the cost of one PostgreSQL server, with 4 shards: deploy/citus.md."""
BUSY = 0.7
"""Of a processor, beyond which requests wait noticeably for each other; not measured."""


def milliseconds(one: float, page: float) -> float:
    """Return the CPU of a read, half of which are of a post and half of a page."""
    return (one + page) / 2


def arrangements(cores: int, replicas: int, workers: int, hits: float, disk_gb: float) -> Iterator[list[str]]:
    """Yield a row for each arrangement: machines, reads and writes per second, and posts."""
    capacity = cores * BUSY * 1000
    posts = disk_gb * 1e9 / BYTES_PER_POST
    on_postgresql = milliseconds(ONE_MS, PAGE_MS) * POSTGRESQL_FACTOR
    server = milliseconds(SERVER_ONE_MS, SERVER_PAGE_MS)
    sqlite = capacity / milliseconds(ONE_MS, PAGE_MS)
    one_primary = capacity / (on_postgresql + server)
    # Each machine runs Pressroom and a PostgreSQL server; nginx's cache serves the share `hits` of the reads.
    replicated = (1 + replicas) * one_primary / (1 - hits)
    shards = milliseconds(SERVER_ONE_MS * CITUS_ONE, SERVER_PAGE_MS * CITUS_PAGE)
    # Each read costs the shards so much in total. What the coordinator spends to plan it is not known, and not counted.
    citus = (1 + workers) * capacity / (on_postgresql + shards)
    # The coordinator commits each write, and a worker does, too.
    citus_writes = POSTGRESQL_WRITES / CITUS_WRITE * min(workers, CITUS_WRITE)
    for name, machines, reads, writes, number in (
        ("SQLite", 1, sqlite, SQLITE_WRITES, posts),
        ("one PostgreSQL server", 1, one_primary, POSTGRESQL_WRITES, posts),
        (f"{replicas} replicas, and nginx's cache", 1 + replicas, replicated, POSTGRESQL_WRITES, posts),
        (f"Citus, {workers} workers, at most", 1 + workers, citus, citus_writes, posts * workers),
    ):
        yield [name, str(machines), f"{reads:,.0f}", f"{writes:,.0f}", f"{number / 1e6:,.0f} million"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cores", type=int, default=8, help="of each machine")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--workers", type=int, default=4, help="of Citus")
    parser.add_argument("--hits", type=float, default=0.8, help="share of reads that nginx's cache serves, below 1")
    parser.add_argument("--disk-gb", type=float, default=500, help="of each machine, for the database")
    options = parser.parse_args()
    if not 0 <= options.hits < 1:
        parser.error("--hits must be from 0 to below 1")
    head = ["arrangement", "machines", "reads per second", "writes per second", "posts"]
    print(markdown_table(head, arrangements(**vars(options))))


if __name__ == "__main__":
    main()
