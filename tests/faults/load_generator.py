"""Load: clients that never retry, and record how each request ended."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException, IncompleteRead, RemoteDisconnected
from itertools import count, pairwise
from ssl import SSLEOFError
from typing import Any, NamedTuple

from tests.support.clients import PASSWORD, basic_auth

SUCCESSES = frozenset({200, 201})
CLIENTS = 8
SERVER_ENVIRONMENT = {"WEB_CONCURRENCY": "2", "PRESSROOM_RATE_LIMITS": "off", "PRESSROOM_MAX_REQUESTS": "0"}
"""Settings of a server that can serve this load, however many requests a fast machine sends."""
PAUSE_SECONDS = 0.005
"""How long a client waits between requests."""
FAILURES: dict[type[BaseException], str] = {
    ConnectionRefusedError: "refused",
    FileNotFoundError: "refused",  # the Unix domain socket does not exist
    ConnectionResetError: "reset",
    BrokenPipeError: "reset",
    RemoteDisconnected: "EOF",
    IncompleteRead: "EOF",
    SSLEOFError: "EOF",
    TimeoutError: "timeout",
}

LIVENESS = "liveness"
"""Stands in place of the method of a request for `/health/live`, which needs no database."""
JSON = {"Content-Type": "application/json"}
Connect = Callable[[], HTTPConnection]


class Request(NamedTuple):
    """A request with its start and end (`time.monotonic()`); the outcome is the status or the name of a failure."""

    method: str
    start: float
    end: float
    outcome: int | str


class Post(NamedTuple):
    """A post that a client sent, with its idempotency key, if it had one, and its URL if it was acknowledged."""

    title: str
    key: str | None
    url: str | None


class Load:
    """Clients that send requests during the block; at its end, each finishes its request.

    Half of the clients read and half publish; half of each reuse their connections. Half of the readers are signed in,
    and half of the publishers send an `Idempotency-Key`. With `extra_readers`, so many more read without a token, and
    one more reads `/health/live`.
    """

    def __init__(self, connect: Connect, *, pause: float = PAUSE_SECONDS, extra_readers: int = 0) -> None:
        self.connect = connect
        self.pause = pause
        self.headers = {"Authorization": f"Bearer {_sign_up(connect)}", **JSON}
        self.requests: list[Request] = []
        self.posts: list[Post] = []
        self._numbers = count()
        self._stopped = threading.Event()
        self._clients = [threading.Thread(target=self._run_client, args=[number]) for number in range(CLIENTS)]
        if extra_readers:
            readers = [*[("GET", "/posts?limit=3")] * extra_readers, (LIVENESS, "/health/live")]
            self._clients += [threading.Thread(target=self._run_extra_reader, args=reader) for reader in readers]

    def __enter__(self) -> "Load":
        self.start = time.monotonic()
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end = time.monotonic()
        self._stopped.set()
        for client in self._clients:
            client.join()

    def failures(self, method: str = "") -> Counter[int | str]:
        """Count the outcomes other than 200 and 201."""
        return Counter(
            request.outcome
            for request in self.requests
            if request.outcome not in SUCCESSES and method in {"", request.method}
        )

    def longest_gap(self, method: str) -> float:
        """Return the longest time, in seconds, between two successes of a method: the recovery time."""
        successes = sorted(
            request.end for request in self.requests if request.method == method and request.outcome in SUCCESSES
        )
        return max(later - earlier for earlier, later in pairwise([self.start, *successes, self.end]))

    def slowest(self) -> float:
        """Return the duration, in seconds, of the slowest request, whatever its outcome."""
        return max(request.end - request.start for request in self.requests)

    def publish(self, title: str, key: str | None) -> bool:
        """Publish a post on a new connection, and return whether it is acknowledged."""
        with closing(self.connect()) as connection:
            return self._publish(connection, {**self.headers, "Connection": "close"}, title, key)

    def read(self, path: str) -> Any:
        """Return the JSON at a path, read on a new connection; None for 404."""
        with closing(self.connect()) as connection:
            connection.request("GET", path, headers=self.headers)
            response = connection.getresponse()
            content = json.loads(response.read())
            assert response.status in {200, 404}, content
            return content if response.status == 200 else None

    def _run_client(self, number: int) -> None:
        publishes, closes, other = number & 1, number & 2, number & 4
        headers = self.headers if publishes or other else JSON
        if closes:
            headers = {**headers, "Connection": "close"}
        connection = self.connect()
        while not self._stopped.wait(self.pause):
            if publishes:
                title = f"{next(self._numbers)}"
                self._publish(connection, headers, title, f"key-{title}" if other else None)
            else:
                self._send(connection, "GET", "/posts?limit=3", headers)
        connection.close()

    def _run_extra_reader(self, method: str, path: str) -> None:
        connection = self.connect()
        while not self._stopped.wait(self.pause):
            self._send(connection, method, path, JSON)
        connection.close()

    def _publish(self, connection: HTTPConnection, headers: dict[str, str], title: str, key: str | None) -> bool:
        all_headers = {**headers, "Idempotency-Key": key} if key else headers
        created = self._send(connection, "POST", "/posts", all_headers, {"title": title, "body": "b" * 500})
        self.posts.append(Post(title, key, created and created["url"]))
        return bool(created)

    def _send(
        self, connection: HTTPConnection, method: str, path: str, headers: dict[str, str], content: object = None
    ) -> Any:
        """Send a request, record its outcome, and return the JSON of a success."""
        start, result = time.monotonic(), None
        try:
            http_method = "GET" if method == LIVENESS else method
            connection.request(http_method, path, None if content is None else json.dumps(content), headers)
            response = connection.getresponse()
            body = response.read()
            outcome: int | str = response.status
            if outcome == 503 and not response.getheader("Retry-After"):
                outcome = "503 without Retry-After"
            result = json.loads(body) if outcome in SUCCESSES else None
        except (OSError, HTTPException) as error:
            connection.close()
            outcome = FAILURES.get(type(error), type(error).__name__)
        self.requests.append(Request(method, start, time.monotonic(), outcome))
        return result


def _sign_up(connect: Connect) -> str:
    """Register ada, and return a token for her."""
    with closing(connect()) as connection:
        connection.request("POST", "/users", json.dumps({"username": "ada", "password": PASSWORD}), JSON)
        connection.getresponse().read()
        connection.request("POST", "/tokens", "{}", {**JSON, **basic_auth("ada")})
        return str(json.loads(connection.getresponse().read())["token"])
