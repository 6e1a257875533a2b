"""Metrics of `pressroom db sweep`, which ends before Prometheus could read them: a file for its node exporter."""

import time
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class SweepMetrics(Collector):
    """The metrics of one sweep."""

    def __init__(self, deleted: Mapping[str, int], seconds: float, outdated_posts: int) -> None:
        self._deleted, self._seconds, self._outdated_posts = deleted, seconds, outdated_posts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics."""
        name = "pressroom_sweep_last_success_timestamp_seconds"
        yield GaugeMetricFamily(name, "End of the last sweep that succeeded.", time.time())
        yield GaugeMetricFamily("pressroom_sweep_duration_seconds", "Duration of that sweep.", self._seconds)
        rows = GaugeMetricFamily("pressroom_sweep_deleted_rows", "Rows that it deleted.", labels=["kind"])
        for kind, number in self._deleted.items():
            rows.add_metric([kind], number)
        yield rows
        name, description = "pressroom_search_outdated_posts", "Posts that `pressroom db reindex` would index."
        yield GaugeMetricFamily(name, description, self._outdated_posts)


def exposition(deleted: Mapping[str, int], seconds: float, outdated_posts: int) -> bytes:
    """Return the metrics in the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(SweepMetrics(deleted, seconds, outdated_posts))
    return generate_latest(registry)
