"""Clients that never try again, and account for every request: how it was answered, or how it failed."""

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

from tests.support.clients import PASSWORD, basic

GOOD = frozenset({200, 201})
CLIENTS = 8
PAUSE = 0.005
"""Seconds a client thinks between requests."""
FAILURES: dict[type[BaseException], str] = {
    ConnectionRefusedError: "refused",
    FileNotFoundError: "refused",  # a Unix socket that is gone
    ConnectionResetError: "reset",
    BrokenPipeError: "reset",
    RemoteDisconnected: "EOF",
    IncompleteRead: "EOF",
    SSLEOFError: "EOF",
    TimeoutError: "hung",
}

LIVE = "live"
"""What stands for the method of a request that needs no database."""
JSON = {"Content-Type": "application/json"}
Connect = Callable[[], HTTPConnection]


class Request(NamedTuple):
    """One request. The moments are `time.monotonic()`'s; the outcome is the status, or how it failed."""

    method: str
    began: float
    ended: float
    outcome: int | str


class Post(NamedTuple):
    """What was sent to be published, with its key if it may be sent again, and its URL if that was acknowledged."""

    title: str
    key: str | None
    url: str | None


class Load:
    """Requests for as long as its block; then every client finishes what it has begun.

    Half of the clients read and half publish; of each, half keep their connections. Half of the readers are signed
    in, and half of the publishers send an `Idempotency-Key`. With a `crowd`, so many more read without a token, and
    one asks for `/health/live`.
    """

    def __init__(self, connect: Connect, *, pause: float = PAUSE, crowd: int = 0) -> None:
        self.connect = connect
        self.pause = pause
        self.headers = {"Authorization": f"Bearer {_token(connect)}", **JSON}
        self.requests: list[Request] = []
        self.posts: list[Post] = []
        self._numbers = count()
        self._stopped = threading.Event()
        self._clients = [threading.Thread(target=self._run, args=[number]) for number in range(CLIENTS)]
        if crowd:
            asking = [*[("GET", "/posts?limit=3")] * crowd, (LIVE, "/health/live")]
            self._clients += [threading.Thread(target=self._ask, args=each) for each in asking]

    def __enter__(self) -> "Load":
        self.began = time.monotonic()
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for client in self._clients:
            client.join()
        self.ended = time.monotonic()

    def failed(self, method: str = "") -> Counter[int | str]:
        """How requests failed that were not answered by 200 or 201, with how many."""
        return Counter(
            request.outcome
            for request in self.requests
            if request.outcome not in GOOD and method in {"", request.method}
        )

    def gap(self, method: str) -> float:
        """The longest time, in seconds, without a good answer to that method: what recovery took."""
        good = sorted(
            request.ended for request in self.requests if request.method == method and request.outcome in GOOD
        )
        return max(later - earlier for earlier, later in pairwise([self.began, *good, self.ended]))

    def slowest(self) -> float:
        """The longest time, in seconds, that a request took, however it was answered."""
        return max(request.ended - request.began for request in self.requests)

    def publish(self, title: str, key: str | None) -> bool:
        """Publish a post by a connection of its own; whether that is acknowledged."""
        with closing(self.connect()) as connection:
            return self._publish(connection, {**self.headers, "Connection": "close"}, title, key)

    def read(self, path: str) -> Any:
        """The JSON of what is there, by a connection of its own; None if there is nothing."""
        with closing(self.connect()) as connection:
            connection.request("GET", path, headers=self.headers)
            response = connection.getresponse()
            answered = json.loads(response.read())
            assert response.status in {200, 404}, answered
            return answered if response.status == 200 else None

    def _run(self, number: int) -> None:
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

    def _ask(self, method: str, path: str) -> None:
        connection = self.connect()
        while not self._stopped.wait(self.pause):
            self._send(connection, method, path, JSON)
        connection.close()

    def _publish(self, connection: HTTPConnection, headers: dict[str, str], title: str, key: str | None) -> bool:
        keyed = {**headers, "Idempotency-Key": key} if key else headers
        created = self._send(connection, "POST", "/posts", keyed, {"title": title, "body": "b" * 500})
        self.posts.append(Post(title, key, created and created["url"]))
        return bool(created)

    def _send(
        self, connection: HTTPConnection, method: str, path: str, headers: dict[str, str], content: object = None
    ) -> Any:
        began, answered = time.monotonic(), None
        try:
            sent = "GET" if method == LIVE else method
            connection.request(sent, path, None if content is None else json.dumps(content), headers)
            response = connection.getresponse()
            body = response.read()
            outcome: int | str = response.status
            if outcome == 503 and not response.getheader("Retry-After"):
                outcome = "503 without Retry-After"
            answered = json.loads(body) if outcome in GOOD else None
        except (OSError, HTTPException) as error:
            connection.close()
            outcome = FAILURES.get(type(error), type(error).__name__)
        self.requests.append(Request(method, began, time.monotonic(), outcome))
        return answered


def _token(connect: Connect) -> str:
    """A token of the author's, who is new."""
    with closing(connect()) as connection:
        connection.request("POST", "/users", json.dumps({"username": "ada", "password": PASSWORD}), JSON)
        connection.getresponse().read()
        connection.request("POST", "/tokens", "{}", {**JSON, **basic("ada")})
        return str(json.loads(connection.getresponse().read())["token"])
