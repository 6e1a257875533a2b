"""`pressroom notify` as a process, and a receiver of its messages with the library of Standard Webhooks."""

import base64
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

from standardwebhooks.webhooks import Webhook

from tests.support.paths import PROJECT_ROOT
from tests.support.waiting import wait_until

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Received(NamedTuple):
    id: str
    type: str
    since: str | None
    path: str
    status: int


class Receiver:
    """A receiver that verifies each message, and responds with the next of `statuses`, or else 204."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                content = Webhook(SECRET).verify(body, dict(self.headers))
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                message = Received(self.headers["webhook-id"], content["type"], **content["data"], status=status)
                receiver.received.append(message)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{receiver.url}/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?site=1"
        threading.Thread(target=self._server.serve_forever, args=[0.05]).start()

    def accepted(self, kind: str = "posts.changed") -> list[Received]:
        return [message for message in self.received if message.type == kind and message.status == 204]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class SlowReceiver:
    """A receiver that sends a header field of its response for `seconds`, byte by byte."""

    seconds = 60.0

    def __init__(self) -> None:
        self.connections: list[socket.socket] = []
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> "SlowReceiver":
        threading.Thread(target=self._accept).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._respond, args=[connection]).start()

    def _respond(self, connection: socket.socket) -> None:
        end = time.monotonic() + self.seconds
        with suppress(OSError), connection:
            connection.sendall(b"HTTP/1.1 204 No Content\r\nSlow: ")
            while not self._stopped.wait(0.1) and time.monotonic() < end:
                connection.sendall(b"x")


class Notifier:
    """`pressroom notify` as a process of its own."""

    def __init__(self, database_url: str, directory: Path, *urls: str) -> None:
        self.state, self.log = directory / "state.json", directory / "notify.log"
        (secret := directory / "secret").write_text(SECRET)
        options = ["--interval=0.1", f"--secret-file={secret}", f"--state={self.state}"]
        self._command = [sys.executable, "-m", "api.cli", "notify", *options, *urls]
        self._environment = {**os.environ, "PRESSROOM_DATABASE_URL": database_url}

    def start(self) -> "Notifier":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, cwd=PROJECT_ROOT, stdout=log, stderr=log
            )
        wait_until(self.state.exists)
        return self

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(30) == 0, self.log.read_text()
