"""The cost of a request, counted in Python instructions because timings vary between machines and runs."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import Histogram

from api.http.application import Application

_OBSERVE = Histogram.observe.__code__
"""Not counted, because it iterates over the buckets up to the measured time."""


def count_instructions(app: Application, request: Callable[[], Any]) -> int:
    """Return how many bytecode instructions the application executes for a request, at the least of ten."""
    for _ in range(10):  # opens every connection and compiles every statement
        request()
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if frame.f_code is _OBSERVE:
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    wsgi_app, previous = app.wsgi_app, sys.gettrace()

    def traced(environ: Any, start_response: Any) -> Any:
        sys.settrace(trace)
        try:
            return wsgi_app(environ, start_response)
        finally:
            sys.settrace(previous)

    app.wsgi_app = traced  # type: ignore[method-assign] # so that the test client's own cost does not count
    counts = []
    for _ in range(10):
        urlsplit.cache_clear()  # type: ignore[attr-defined] # other tests may have requested the URL of a new post
        count = 0
        request()
        counts.append(count)
    app.wsgi_app = wsgi_app  # type: ignore[method-assign] # as above
    return min(counts)
