"""Metrics and the access log: a line of JSON per request, without bodies, query strings and tokens."""

import time
from functools import lru_cache

from flask import Response
from prometheus_client import Histogram

from api import metrics
from api.http.application import REQUEST_ID, STARTED_AT, Application, Request, current_request
from api.http.log_text import EscapingFilter
from api.json import JSONObject

_escaping = EscapingFilter()


def init_app(app: Application) -> None:
    """Measure and log the requests to `app`.

    Flask calls functions registered by `after_request` in reverse order, so this one must be registered first.
    """
    app.logger.addFilter(_escaping)  # all applications of a process have the same logger, which adds it once
    log = app.access_log

    @app.after_request
    def _record(response: Response) -> Response:
        request = current_request()
        seconds = time.perf_counter() - request.environ[STARTED_AT]
        route = request.url_rule.rule if request.url_rule else ""
        _durations(request.method, route, response.status_code).observe(seconds)
        if log:
            log.write(_log_record(request, response, seconds, route))
        return response


@lru_cache(maxsize=1024)
def _durations(method: str, route: str, status: int) -> Histogram:
    """Return the histogram; requests without a route share one, so that clients cannot create many."""
    return metrics.REQUESTS.labels(method if route else "", route, status)


def _log_record(request: Request, response: Response, seconds: float, route: str) -> JSONObject:
    user = request.viewer or request.credentials
    return {
        "time": time.time(),
        "id": request.environ[REQUEST_ID],
        "address": request.remote_addr,
        "user": user and user.username,
        "method": request.method,
        "path": request.path,
        "route": route or None,
        "status": response.status_code,
        "ms": seconds * 1000,
        "agent": request.environ.get("HTTP_USER_AGENT"),
    }
