"""gunicorn, started as in production, with a database of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

from tests.support.clients import PASSWORD, basic_auth
from tests.support.http import NO_HEADERS, send_request
from tests.support.paths import PROJECT_ROOT
from tests.support.processes import child_pids
from tests.support.sockets import free_port, receive_all


def make_demo_site(directory: Path) -> None:
    """Make the demo site in the database of the server that is started in `directory`."""
    pressroom = Path(sys.executable).with_name("pressroom")
    subprocess.run([pressroom, "demo", directory / "pressroom.sqlite", "--no-serve"], check=True)


class Server:
    """A server on a free port, with its database and its log in `directory`, running the code in `code`.

    The command is a program's path, or a module of this Python, and its arguments.
    """

    def __init__(self, command: list[str], directory: Path, code: Path = PROJECT_ROOT, **environment: str) -> None:
        self.port = free_port()
        self.database_url = f"sqlite:///{directory / 'pressroom.sqlite'}"
        self.log = directory / "log"
        self._command, self._code = command if "/" in command[0] else [sys.executable, "-m", *command], code
        self._environment = {
            **os.environ,
            "PRESSROOM_BIND": f"127.0.0.1:{self.port}",
            "PRESSROOM_DATABASE_URL": self.database_url,
            "FLASK_RUN_PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            **environment,
        }
        self.start()

    def start(self) -> "Server":
        """Start the server, or start it again after `stop`."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._code, env=self._environment, stdout=log, stderr=log
            )
        return self

    def run_command(self, *arguments: str) -> str:
        """Run `pressroom` with the server's settings, and return its output."""
        command = [sys.executable, "-m", "api.cli", *arguments]
        return subprocess.run(
            command, cwd=self._code, env=self._environment, capture_output=True, text=True, check=True
        ).stdout

    def wait_until_ready(self) -> "Server":
        """Wait until the server is ready, on a slow and busy machine too, unless it ends."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError):
                if self.get_status("/health/ready") == 200:
                    return self
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise TimeoutError(self.log.read_text())

    def stop(self) -> int:
        """Stop the server and return its exit status."""
        self.process.terminate()
        return self.process.wait(30)

    def connect(self, timeout: float = 30) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get_status(self, path: str) -> int:
        """Return the status of the response to a GET request."""
        with closing(self.connect()) as connection:
            connection.request("GET", path)
            return connection.getresponse().status

    def get_text(self, path: str) -> str:
        """Return the body of the response to a GET request."""
        return send_request(self.connect(), "GET", path).body.decode()

    def get_json(self, path: str) -> Any:
        """Return the JSON of the response to a GET request."""
        return send_request(self.connect(), "GET", path).json

    def post_json(self, path: str, content: object, headers: Mapping[str, str] = NO_HEADERS) -> Any:
        """Return the JSON of the response to a POST request."""
        return send_request(self.connect(), "POST", path, content, headers).json

    def send_raw(self, raw: bytes) -> bytes:
        """Send bytes, and return those that come back until the connection closes or times out."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            return receive_all(connection)


def sign_up(server: Server, username: str = "ada") -> dict[str, str]:
    """Register a user, and return the header field with a token for them."""
    server.post_json("/users", {"username": username, "password": PASSWORD})
    return sign_in(server, username)


def sign_in(server: Server, username: str = "ada") -> dict[str, str]:
    """Return the header field with a new token for a user."""
    token = server.post_json("/tokens", {}, basic_auth(username))["token"]
    return {"Authorization": f"Bearer {token}"}


class HasProcess(Protocol):
    process: subprocess.Popen[bytes]


def worker_pids(server: HasProcess) -> list[int]:
    """Return the process ids of a server's workers, oldest first."""
    return child_pids(server.process.pid)
