"""What operators see of requests: a line of JSON for each, without bodies, query strings and tokens."""

import os
import time
from contextlib import suppress

from flask import Flask, Response, g, request

from api.http.authentication import viewer
from api.http.json import dumps
from api.settings import BadSetting, Settings
from api.store.sql import now


def init_app(app: Flask, settings: Settings) -> None:
    """Log the requests to `app`, if `settings` say where; `BadSetting` for a file that cannot be written.

    It comes before all else that looks at requests: what is first asked before a request is last asked after it.
    """
    if not settings.access_log:
        return
    log = _open(settings.access_log)

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        # A log that is full or gone must not keep anybody from the answer.
        with suppress(OSError):
            # One write, so that lines of other threads and processes do not mix with it.
            os.write(log, dumps(_line(response)) + b"\n")
        return response


def _open(path: str) -> int:
    if path == "-":
        return 1
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    except OSError as error:
        raise BadSetting(
            f"PRESSROOM_ACCESS_LOG cannot be written: {error.strerror}. Name a file, or write `-`."
        ) from error


def _line(response: Response) -> dict[str, object]:
    asked, known = request.environ, viewer()
    return {
        "time": now(),
        "address": asked.get("REMOTE_ADDR"),
        "user": known.username if known else None,
        "method": asked["REQUEST_METHOD"],
        "path": request.path,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.began) * 1000, 3),
        "agent": asked.get("HTTP_USER_AGENT", "")[:200],
    }
