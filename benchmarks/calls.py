"""Count what requests cost inside the application: `python -m benchmarks.calls`.

It needs only the `dev` extra and runs everything in this process. Only `wsgi_app` is measured, not a server or a test
client. Each operation gets its own application and SQLite file, and is warmed up before it is measured.
"""

import base64
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api.app import create_app
from api.settings import Settings
from benchmarks.paths import ROOT
from benchmarks.report import markdown_table

API = f"{ROOT / 'api'}/"
WARM_UPS, COUNTED, TIMED = 20, 3, 200
"""Requests of each kind. With the posts that are created first, they stay below the limit of 300 writes per minute."""
POSTS = 25
"""Posts to read: more than one page."""

USERNAME, PASSWORD = "ada", "correct horse battery staple"
POST = {"title": "Notes on the engine", "body": "It *weaves* patterns. " * 23, "tags": ["engines"]}

# In memory where possible: the CPU time of a sync varies with what else the disk does.
SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (a temporary directory is created in it)

WSGIApp = Callable[..., Any]
Environ = dict[str, Any]


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Headers
    body: bytes


class Cost(NamedTuple):
    """The cost of one request."""

    calls: int
    """Calls of functions that are defined in `api/`."""
    files: int
    """Files of `api/` that define these functions."""
    moves: int
    """Calls of a function in another file of `api/` than the call before."""
    instructions: int
    """Python bytecode instructions, those of libraries included."""
    cpu_us: float
    """Median CPU time of the thread that serves the request, in microseconds."""


class Client:
    """Send requests to a WSGI application as a signed-in user."""

    def __init__(self, wsgi_app: WSGIApp) -> None:
        self.wsgi_app = wsgi_app
        self.send(environ("POST", "/users", {"username": USERNAME, "password": PASSWORD}))
        basic = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        created = self.send(environ("POST", "/tokens", {}, Authorization=f"Basic {basic}"))
        self.token = f"Bearer {json.loads(created.body)['token']}"

    def send(self, request: Environ) -> Response:
        """Send a request; exit if the response is an error."""
        body, status, headers = run_wsgi_app(self.wsgi_app, request, buffered=True)
        response = Response(int(status.split()[0]), headers, b"".join(body))
        if response.status >= 400:
            raise SystemExit(f"{request['REQUEST_METHOD']} {request['PATH_INFO']}: {status}\n{response.body.decode()}")
        return response


def environ(method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Environ:
    """Return the WSGI environment of a request with a JSON body; in names of header fields, write `_` for `-`."""
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    target, _, query = path.partition("?")
    builder = EnvironBuilder(path=target, query_string=query, method=method, headers=fields, json=body)
    try:
        return builder.get_environ()
    finally:
        builder.close()


def _patch(client: Client) -> Environ:
    etag = client.send(environ("GET", "/posts/7")).headers["ETag"]
    changes = {"title": f"Revision of {etag}"}
    return environ("PATCH", "/posts/7", changes, Authorization=client.token, If_Match=etag)


OPERATIONS: dict[str, Callable[[Client], Environ]] = {
    "POST /posts": lambda client: environ("POST", "/posts", POST, Authorization=client.token),
    "GET /users/<username>": lambda _: environ("GET", f"/users/{USERNAME}"),
    "GET /posts/<id>": lambda _: environ("GET", "/posts/7"),
    "GET /posts?expand=body": lambda _: environ("GET", "/posts?expand=body"),
    "PATCH /posts/<id>": _patch,
}


def main() -> None:
    """Measure all operations and print one table."""
    lines = []
    for operation in OPERATIONS:
        cost = measure(operation)
        counts = (cost.calls, cost.files, cost.moves, cost.instructions)
        lines.append([f"`{operation}`", *(f"{count:,}" for count in counts), f"{cost.cpu_us:,.0f}"])
    head = ["operation", "calls in `api/`", "files", "moves between files", "instructions", "CPU µs"]
    print(markdown_table(head, lines))


def measure(operation: str, *, timed: int = TIMED) -> Cost:
    """Measure one of `OPERATIONS`; the CPU time is the median of `timed` requests."""
    request = OPERATIONS[operation]
    with _client() as client:
        for _ in range(WARM_UPS):  # opens connections and compiles statements
            client.send(request(client))
        calls = min((_calls(client, request(client)) for _ in range(COUNTED)), key=len)
        return Cost(
            calls=len(calls),
            files=len(set(calls)),
            moves=sum(previous != file for previous, file in pairwise(calls)),
            instructions=min(_instructions(client, request(client)) for _ in range(COUNTED)),
            cpu_us=statistics.median(_cpu_seconds(client, request(client)) for _ in range(timed)) * 1e6,
        )


@contextmanager
def _client() -> Iterator[Client]:
    """Yield a client of a new application with some posts, with the default settings but no access log."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
        app = create_app(Settings(database_url=f"sqlite:///{directory}/pressroom.sqlite", access_log=""))
        app.database.upgrade()
        try:
            client = Client(app.wsgi_app)
            for _ in range(POSTS):
                client.send(OPERATIONS["POST /posts"](client))
            yield client
        finally:
            app.database.close()


def _calls(client: Client, request: Environ) -> list[str]:
    """Return the file of each function in `api/` that is called, in order."""
    files = []

    def record(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(API):
            files.append(frame.f_code.co_filename)

    _send_measured(client, request, lambda: sys.setprofile(record), lambda: sys.setprofile(None))
    return files


def _instructions(client: Client, request: Environ) -> int:
    count = 0

    def step(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return step

    previous = sys.gettrace()  # of a debugger, or of coverage
    _send_measured(client, request, lambda: sys.settrace(step), lambda: sys.settrace(previous))
    return count


def _cpu_seconds(client: Client, request: Environ) -> float:
    times: list[float] = []
    _send_measured(client, request, lambda: times.append(time.thread_time()), lambda: times.append(time.thread_time()))
    started, ended = times
    return ended - started


def _send_measured(client: Client, request: Environ, start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Send a request, and call `start` and `stop` immediately before and after the application."""
    wsgi_app = client.wsgi_app

    def measured(*arguments: Any) -> Any:
        start()
        try:
            return wsgi_app(*arguments)
        finally:
            stop()

    client.wsgi_app = measured
    try:
        client.send(request)
    finally:
        client.wsgi_app = wsgi_app


if __name__ == "__main__":
    main()
