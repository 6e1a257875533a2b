"""Prometheus metrics.

Under gunicorn, each worker counts in its own files; a response to `GET /metrics` adds up those of all workers.
"""

import os
import time
from mmap import mmap
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

DIRECTORY_VARIABLE, WORKER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_WORKER"
"""Environment variables that `gunicorn.conf.py` sets: the files' directory, which the library reads, and the worker."""

if WORKER_VARIABLE in os.environ:
    # Files are named by the worker's slot instead of its process id, so that their number does not grow.
    _worker = os.environ[WORKER_VARIABLE]  # read once: the library calls the function for every value
    values.ValueClass = values.MultiProcessValue(lambda: _worker)  # type: ignore[no-untyped-call] # the library's

REQUESTS = Histogram(
    "pressroom_http_request_duration_seconds",
    "Time from a request to its response; method and route are empty if no route matches.",
    ("method", "route", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RATE_LIMITED = Counter("pressroom_rate_limited_requests", "Requests rejected by a rate limit.", ("limit",))
REPLAYS = Counter("pressroom_idempotent_replays", "Repeated requests that received the stored first response.")
DATABASE_ERRORS = Counter(
    "pressroom_database_errors",
    "Failed database operations: the database was unreachable, busy, full or out of date.",
)
TRANSACTION_RETRIES = Counter(
    "pressroom_transaction_retries",
    "Repetitions of transactions that PostgreSQL rolled back because of concurrent ones, such as deadlocks.",
)
REPLICA_READS = Counter(
    "pressroom_replica_reads",
    "Reads that a replica may serve, by the server that did, with the reason if it was the primary.",
    ("server", "reason"),
)
CONNECTIONS = Gauge(
    "pressroom_database_connections",
    "Open database connections of all workers; each worker opens them on demand, up to one per thread.",
    multiprocess_mode="livesum",
)
_WAIT_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CONNECTION_WAITS = Histogram(
    "pressroom_database_connection_wait_seconds",
    "Waits for a database connection while all of the worker were in use, whether they were successful or not.",
    buckets=_WAIT_BUCKETS,
)
WRITE_WAITS = Histogram(
    "pressroom_database_write_wait_seconds",
    "Times of 1 ms or more in which a write to SQLite waited to begin, for other writers, whether it did or not.",
    buckets=_WAIT_BUCKETS,
)
REPLICA_LAG = Gauge(
    "pressroom_replica_lag_seconds",
    "Age of the replica's data as far as the last check of a worker proved it; infinite if it proved nothing.",
    multiprocess_mode="mostrecent",
)
CHANGES_HORIZON_AGE = Gauge(
    "pressroom_change_feed_horizon_age_seconds",
    "Time for which an open transaction had held back the change feeds on PostgreSQL when they were last read.",
    multiprocess_mode="mostrecent",
)


class Horizon:
    """The position of the oldest open transaction, which holds back later changes, and since when it does.

    Workers share it in a file: each one sees only some of the reads.
    """

    def __init__(self, directory: str | None) -> None:
        memory: bytearray | mmap = bytearray(24)
        if directory:
            with Path(directory, "horizon").open("a+b") as file:
                file.truncate(len(memory))
                memory = mmap(file.fileno(), len(memory))
        self._position, self._since, self._read_at = (memoryview(memory)[i : i + 8].cast("d") for i in (0, 8, 16))

    def observe(self, position: int, *, end: int) -> None:
        """Record a read of a feed; the horizon is at the end if nothing is held back."""
        timestamp = time.time()
        if position == end or position != self._position[0]:
            self._since[0] = timestamp
            self._position[0] = position  # last, because the time must never be that of an earlier position
        self._read_at[0] = timestamp

    def age(self) -> float:
        """Return for how many seconds the last read had found the same transaction; 0 if nothing was held back."""
        return max(0, self._read_at[0] - self._since[0])


CHANGES_HORIZON = Horizon(os.environ.get(DIRECTORY_VARIABLE))


def exposition() -> bytes:
    """Return the metrics of all workers in the Prometheus text format."""
    CHANGES_HORIZON_AGE.set(CHANGES_HORIZON.age())
    registry = REGISTRY
    if DIRECTORY_VARIABLE in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # the library's
    return generate_latest(registry)
