"""`/metrics`."""

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from api import metrics
from api.http.application import Request
from api.http.operation import Blueprint, Resource

blueprint = Blueprint("metrics", "Metrics, for Prometheus.", database=False)


@blueprint.route("/metrics")
class Metrics(Resource):
    @blueprint.operation(
        "readMetrics",
        returns={
            "type": "string",
            "maxLength": 16_777_216,
            "pattern": "^# HELP ",
            "description": "Prometheus' text format.",
            "examples": ["# HELP pressroom_database_errors_total Failed database operations.\n"],
        },
        content_type="text/plain",
        description="The metrics.",
    )
    def get(self, request: Request) -> Response:
        """Read the metrics.

        Requests and their durations by method, route and status, and errors, summed over all workers.
        """
        return Response(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)
