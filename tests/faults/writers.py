"""Clients that publish and read, and record the status of each request."""

import json
import threading
import time
from contextlib import closing
from http.client import HTTPException
from typing import NamedTuple

from tests.support.servers import Server


class Request(NamedTuple):
    """A request: the title of its post, start and end by `time.monotonic()`, and the response."""

    title: str
    start: float
    end: float
    status: int | str
    detail: str


class Writers:
    """Clients that publish and read until the end of the block."""

    def __init__(self, server: Server, headers: dict[str, str], *, writers: int = 4, readers: int = 1) -> None:
        self._server, self._headers = server, {**headers, "Content-Type": "application/json"}
        self.writes: list[Request] = []
        self.reads: list[Request] = []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=[number]) for number in range(writers)]
        self._threads += [threading.Thread(target=self._read) for _ in range(readers)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _write(self, writer: int) -> None:
        number = 0
        while not self._stopped.wait(0.002):
            title = f"{writer} {number}"
            start, content = time.monotonic(), json.dumps({"title": title, "body": "b" * 500})
            status, detail = self._send("POST", content, self._headers)
            self.writes.append(Request(title, start, time.monotonic(), status, detail))
            number += 1

    def _read(self) -> None:
        while not self._stopped.wait(0.01):
            start = time.monotonic()
            status, detail = self._send("GET", None, {})
            self.reads.append(Request("", start, time.monotonic(), status, detail))

    def _send(self, method: str, content: str | None, headers: dict[str, str]) -> tuple[int | str, str]:
        with closing(self._server.connect(30)) as connection:
            try:
                connection.request(method, "/posts", content, {**headers, "Connection": "close"})
                response = connection.getresponse()
                body = json.loads(response.read())
            except (OSError, HTTPException) as error:
                return type(error).__name__, ""
            return response.status, body.get("detail", "")
