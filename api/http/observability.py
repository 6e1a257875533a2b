"""What operators see of requests: counts, and a line of JSON for each, without bodies, query strings and tokens."""

import time
from functools import lru_cache
from typing import Any

from flask import Response
from prometheus_client import Histogram

from api import metrics
from api.http.application import REQUEST_ID, STARTED_AT, Application, asked
from api.http.authentication import viewer


def init_app(app: Application) -> None:
    """Count and log the requests to `app`.

    Flask calls the functions registered by `after_request` last to first, so this one must be registered first.
    """
    log = app.access_log

    @app.after_request
    def _note(response: Response) -> Response:
        request = asked()
        took = time.perf_counter() - request.environ[STARTED_AT]
        route = request.url_rule.rule if request.url_rule else ""
        _durations(request.method, route, response.status_code).observe(took)
        if log:
            log.write(_facts(response, took, route))
        return response


@lru_cache(maxsize=1024)
def _durations(method: str, route: str, status: int) -> Histogram:
    """The histogram for such requests: whoever makes methods up does not make one each time."""
    return metrics.REQUESTS.labels(method if route else "", route, status)


def _facts(response: Response, took: float, route: str) -> dict[str, Any]:
    known, request = viewer(), asked()
    return {
        "time": time.time(),
        "id": request.environ[REQUEST_ID],
        "address": request.remote_addr,
        "user": known and known.username,
        "method": request.method,
        "path": request.path,
        "route": route or None,
        "status": response.status_code,
        "ms": took,
        "agent": request.environ.get("HTTP_USER_AGENT"),
    }
