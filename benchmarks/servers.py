"""Servers on this machine, each stopped by who started it."""

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
PATIENCE = 30


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    app: App
    port: int
    pid: int
    database: Path
    started_in: float
    """Seconds from the command to the first answer."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """The answer to one request; in names of header fields, write `_` for `-`."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            fields = {name.lower(): text for name, text in response.getheaders()}
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Seconds of CPU time that its processes have used."""
        return processes.cpu_seconds(self.pid)

    def memory(self) -> dict[str, float]:
        """Megabytes of its largest process: the worker."""
        return max((processes.memory(pid) for pid in processes.tree(self.pid)), key=lambda each: each["rss"])


@contextmanager
def serving(app: App, database: Path, *, core: int | None = SERVER_CORE) -> Iterator[Server]:
    """`app`, serving `database`, on that core only (None: on any)."""
    port = _free_port()
    command, environment = app.start(port, database)
    pin = [] if core is None else ["taskset", "--cpu-list", str(core)]
    log = SCRATCH / f"{database.stem}.log"
    with log.open("wb") as output:
        began = time.perf_counter()
        # taskset becomes the server: it has its process id.
        process = subprocess.Popen(
            [*pin, *command], cwd=app.directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield Server(app, port, process.pid, database, _wait(process, port, log) - began)
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> float:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/posts/1")
            if connection.getresponse().status == 200:
                return time.perf_counter()
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    raise SystemExit(f"It does not answer: {process.args!r}\n{log.read_text()[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    children = list(processes.tree(process.pid))[1:] if process.poll() is None else []
    process.terminate()
    try:
        process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        for child in children:
            os.kill(child, signal.SIGKILL)
