"""What is counted for operators: every metric, as Prometheus reads it.

Under gunicorn each worker counts in files of its own, and whoever is asked adds them all up.
"""

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

DIRECTORY, WORKER = "PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_WORKER"
"""The variables of where the files are, which the library reads, and of this worker's; `gunicorn.conf.py` sets both."""

if WORKER in os.environ:
    # A worker counts where those before it at its place did, so that files do not become more and more.
    values.ValueClass = values.MultiProcessValue(lambda: os.environ[WORKER])  # type: ignore[no-untyped-call]

REQUESTS = Histogram(
    "pressroom_http_request_duration_seconds",
    "Time from a request to its answer; method and route are empty where there is no such route.",
    ("method", "route", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RATE_LIMITED = Counter("pressroom_rate_limited_requests", "Requests refused because there were too many.", ("limit",))
REPLAYS = Counter("pressroom_idempotent_replays", "Repeated requests that got their first answer again.")
DATABASE_ERRORS = Counter(
    "pressroom_database_errors",
    "Times that a database did not do what it was asked: it is gone, busy, full, or not up to date.",
)
REPLICA_READS = Counter(
    "pressroom_replica_reads",
    "Reads that a replica may answer, by the server that did, and why if that was the primary.",
    ("server", "reason"),
)
CONNECTIONS = Gauge(
    "pressroom_database_connections",
    "Open connections of all workers; each makes as many as it has threads, as they are needed.",
    multiprocess_mode="livesum",
)


def exposition() -> bytes:
    """All metrics of all workers, in the text format of Prometheus."""
    registry = REGISTRY
    if DIRECTORY in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # the library's
    return generate_latest(registry)
