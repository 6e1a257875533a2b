"""OpenTelemetry's auto-instrumentation, for which Pressroom has no code."""

from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.instrumentation import auto_instrumentation

from tests.support.servers import Server


@pytest.mark.heavy
def test_opentelemetry_records_a_span_with_the_route_for_each_request(serve: Callable[..., Server]) -> None:
    server = serve(
        # As `opentelemetry-instrument` sets it before it executes the command.
        PYTHONPATH=str(Path(str(auto_instrumentation.__file__)).parent),
        OTEL_TRACES_EXPORTER="console",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        WEB_CONCURRENCY="2",
    )
    assert server.get_status("/posts/17") == 404
    server.stop()
    spans = [span for span in server.log.read_text().split("\n{\n") if '"name": "GET /posts/<int:post_id>"' in span]
    assert len(spans) == 1
    assert '"http.route": "/posts/<int:post_id>"' in spans[0]
    assert '"http.status_code": 404' in spans[0]
