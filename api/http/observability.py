"""What operators see of requests: counts, and a line of JSON for each, without bodies, query strings and tokens."""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from select import PIPE_BUF
from typing import Any

from flask import Flask, Response
from prometheus_client import Histogram

from api import metrics
from api.http.application import REQUEST_ID, STARTED_AT, asked
from api.http.authentication import viewer
from api.http.json import dumps
from api.settings import InvalidSetting, Settings

PAUSE = 0.1
"""Seconds in which lines are gathered: to write each by itself would let another thread in, for each request."""
BACKLOG = 10_000
"""Lines that wait for a log that does not take them; older ones are dropped, and nobody waits for it."""


def init_app(app: Flask, settings: Settings) -> None:
    """Count the requests to `app`, and log them if `settings` say where; `InvalidSetting` for what is no place to.

    It comes before all else that looks at answers: who is first to ask for them sees them last.
    """
    log = Log(settings.access_log) if settings.access_log else None

    @app.after_request
    def _note(response: Response) -> Response:
        request = asked()
        took = time.perf_counter() - request.environ[STARTED_AT]
        route = request.url_rule.rule if request.url_rule else ""
        _durations(request.method, route, response.status_code).observe(took)
        if log:
            log.note(_facts(response, took, route))
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


class Log:
    """A file to which lines are added by a thread of its own, which begins with the first line."""

    def __init__(self, path: str) -> None:
        try:
            self._file = 1 if path == "-" else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        except OSError as error:
            told = f"PRESSROOM_ACCESS_LOG cannot be opened: {error.strerror}. Name a file, or write `-`."
            raise InvalidSetting(told) from error
        self._noted: deque[dict[str, Any]] = deque(maxlen=BACKLOG)
        self._writing = threading.Lock()
        self._writer: threading.Thread | None = None

    def note(self, facts: dict[str, Any]) -> None:
        """Write a line soon."""
        self._noted.append(facts)
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_on, name="access log", daemon=True)
            self._writer.start()
            atexit.register(self.flush)

    def flush(self) -> None:
        """Write the lines that are noted; nothing if a write is under way, which may never end."""
        # A log that is full or gone must not keep anybody from an answer.
        if self._writing.acquire(blocking=False):
            try:
                with suppress(OSError):
                    for lines in self._gathered():
                        os.write(self._file, lines)
            finally:
                self._writing.release()

    def _write_on(self) -> None:
        while True:
            time.sleep(PAUSE)
            self.flush()

    def _gathered(self) -> Iterator[bytes]:
        """Lines, as many as a pipe takes without mixing them with those of other processes."""
        lines = b""
        for _ in range(len(self._noted)):
            line = _line(self._noted.popleft())
            if lines and len(lines) + len(line) > PIPE_BUF:
                yield lines
                lines = b""
            lines += line
        if lines:
            yield lines


def _line(facts: dict[str, Any]) -> bytes:
    ended = datetime.fromtimestamp(facts["time"], UTC)
    return dumps({**facts, "time": ended, "ms": round(facts["ms"] * 1000, 3)}) + b"\n"
