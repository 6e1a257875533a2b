"""`/metrics`: what monitoring counts."""

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from api import metrics
from api.http.blueprint import Blueprint, Resource

blueprint = Blueprint("metrics", "For operators and their monitoring.", database=False)


@blueprint.route("/metrics")
class Metrics(Resource):
    @blueprint.doc(operationId="readMetrics")
    @blueprint.response(
        200,
        {"type": "string", "maxLength": 16_777_216, "pattern": "^# HELP ", "description": "Prometheus' text format."},
        content_type="text/plain",
        description="The metrics.",
    )
    def get(self) -> Response:
        """Read the metrics.

        Requests and how long they took, by method, route and status, and what went wrong, of all workers together.
        """
        return Response(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)
