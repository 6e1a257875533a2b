"""Server processes on this machine."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks import processes
from benchmarks.apps import App
from benchmarks.paths import SCRATCH

SERVER_CORE, LOAD_CORE = 0, 1
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """A running server."""

    app: App
    port: int
    pid: int
    database: Path
    started_in: float
    """Seconds from the command to the first response."""

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
        """Send a request; in names of header fields, write `_` for `-`."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, fields, response.read())
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Return the CPU time that its processes have used."""
        return processes.cpu_seconds(self.pid)

    def memory(self) -> dict[str, float]:
        """Return the memory of its largest process, the worker, in megabytes."""
        return max((processes.memory(pid) for pid in processes.tree(self.pid)), key=lambda each: each["rss"])


@contextmanager
def serve(app: App, database: Path, *, core: int | None = SERVER_CORE) -> Iterator[Server]:
    """Run `app` with `database`, pinned to that core (None: not pinned)."""
    port = free_port()
    command, environment = app.start_command(port, database)
    pin = [] if core is None else ["taskset", "--cpu-list", str(core)]
    log = SCRATCH / f"{database.stem}.log"
    with log.open("wb") as output:
        started_at = time.perf_counter()
        # taskset executes the server in the same process, so the process id stays the same.
        process = subprocess.Popen(
            [*pin, *command], cwd=app.directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            started_in = _wait_until_ready(process, port, log) - started_at
            yield Server(app, port, process.pid, database, started_in)
        finally:
            _stop(process)


def free_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> float:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/posts/1")
            if connection.getresponse().status == 200:
                return time.perf_counter()
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    raise SystemExit(f"The server does not respond: {process.args!r}\n{log.read_text()[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    children = list(processes.tree(process.pid))[1:] if process.poll() is None else []
    process.terminate()
    try:
        process.wait(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        for child in children:
            os.kill(child, signal.SIGKILL)
