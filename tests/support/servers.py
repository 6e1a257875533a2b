"""gunicorn, started as in production, with a database of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from tests.support.clients import PASSWORD, basic
from tests.support.paths import PROJECT_ROOT


class Server:
    """A server on a port of its own, with a database of its own."""

    def __init__(self, command: list[str], directory: Path, house: Path, **settings: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.database_url = f"sqlite:///{directory / 'pressroom.sqlite'}"
        self.log = directory / "log"
        self._command, self._house = [sys.executable, "-m", *command], house
        self._environment = {
            **os.environ,
            "PRESSROOM_BIND": f"127.0.0.1:{self.port}",
            "PRESSROOM_DATABASE_URL": self.database_url,
            "FLASK_RUN_PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            **settings,
        }
        self.start()

    def start(self) -> "Server":
        """Start it, at first or again."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._house, env=self._environment, stdout=log, stderr=log
            )
        return self

    def wait(self) -> "Server":
        """Until it is ready."""
        for _ in range(200):
            with suppress(OSError):
                if self.get("/health/ready") == 200:
                    return self
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise TimeoutError(self.log.read_text())

    def connect(self, timeout: float = 10) -> HTTPConnection:
        """A client's connection."""
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str) -> int:
        """The status of the answer."""
        with closing(self.connect()) as connection:
            connection.request("GET", path)
            return connection.getresponse().status

    def text(self, path: str) -> str:
        """The text of the answer."""
        with closing(self.connect()) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def read(self, path: str) -> Any:
        """The JSON of the answer."""
        return json.loads(self.text(path))

    def send(self, raw: bytes) -> bytes:
        """The bytes that are answered to `raw` until the connection is closed or silent."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            with suppress(TimeoutError):
                while more := connection.recv(65536):
                    answer += more
        return answer

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(10)

    def post(self, path: str, content: object, headers: Mapping[str, str] = MappingProxyType({})) -> Any:
        """The JSON of the answer to what is created."""
        with closing(self.connect()) as connection:
            connection.request("POST", path, json.dumps(content), {"Content-Type": "application/json", **headers})
            return json.loads(connection.getresponse().read())


def sign_up(server: Server, username: str = "ada") -> dict[str, str]:
    """The header field that signs a new user in."""
    server.post("/users", {"username": username, "password": PASSWORD})
    token = server.post("/tokens", {}, basic(username))["token"]
    return {"Authorization": f"Bearer {token}"}


class Started(Protocol):
    """What has started gunicorn."""

    process: subprocess.Popen[bytes]


def workers(server: Started) -> list[int]:
    """The process ids of its workers, the oldest first."""
    master = server.process.pid
    return sorted(map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split()))


def roll(run: Path, house: Path = PROJECT_ROOT) -> subprocess.CompletedProcess[str]:
    """`pressroom deploy roll`, with the code of that directory."""
    command = [str(Path(sys.executable).with_name("pressroom")), "deploy", "roll"]
    environment = {**os.environ, "PYTHONPATH": str(house), "PRESSROOM_RUN_DIR": str(run)}
    return subprocess.run(command, cwd=run, env=environment, capture_output=True, text=True, check=False)
