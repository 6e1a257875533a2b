"""Prometheus metrics of an application."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from tests.support.clients import Client

IGNORED = ("_bucket", "_sum", "_created")


def read_metrics(client: Client) -> Counter[str]:
    """Return the value of each sample by its name and label values, without buckets and sums."""
    response = client.get("/metrics")
    assert response.content_type.startswith("text/plain; version=")
    # The library takes long to read each of them.
    lines = [line for line in response.text.splitlines(keepends=True) if not line.partition("{")[0].endswith(IGNORED)]
    return Counter(
        {
            f"{sample.name}{sorted(sample.labels.values())}": round(min(sample.value, 1e9))  # one may be infinite
            for family in text_string_to_metric_families("".join(lines))
            for sample in family.samples
            if sample.name.startswith("pressroom_") and not sample.name.endswith(IGNORED)
        }
    )
