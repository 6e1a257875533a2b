"""Clients get the true status, although it is known before their body has been sent (RFC 9112, section 9.6)."""

import http.client
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from api.constraints import REQUEST_BODY_MAX_BYTES
from api.worker import DRAIN_SECONDS, LINGER_SECONDS
from tests.support.http import Response, parse_response
from tests.support.nginx import needs_nginx, nginx_and_gunicorn
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server
from tests.support.sockets import receive_all

pytestmark = pytest.mark.heavy

JSON = {"Content-Type": "application/json"}
REVOKED = {**JSON, "Authorization": "Bearer prt_" + "x" * 43}


class Early(NamedTuple):
    """A request whose status is known before its body is read."""

    status: int
    method: str
    path: str
    fields: Mapping[str, str] = JSON

    def message(self, size: int, *, is_chunked: bool = False) -> bytes:
        framing = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(size)}
        fields = {"Host": "x", **self.fields, **framing}
        head = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        if not is_chunked:
            return "\r\n".join(head).encode() + b"x" * size
        chunks = b"".join(b"%x\r\n%s\r\n" % (10_000, b"x" * 10_000) for _ in range(size // 10_000))
        return "\r\n".join(head).encode() + chunks + b"0\r\n\r\n"


APPLICATION = {
    "a revoked token": Early(401, "POST", "/posts", REVOKED),
    "a revoked token in a change": Early(401, "PATCH", "/posts/1", REVOKED),
    "no token": Early(401, "PUT", "/me/password"),
    "no route": Early(404, "POST", "/nothing"),
    "another method": Early(405, "PUT", "/posts"),
    "another type": Early(415, "POST", "/users", {"Content-Type": "text/plain"}),
    "a type with a parameter": Early(415, "POST", "/users", {"Content-Type": "application/json; charset=latin-1"}),
    "invalid JSON": Early(400, "POST", "/users"),
    "the end of the connection": Early(404, "POST", "/nothing", {"Connection": "close"}),
    "an invalid host": Early(400, "POST", "/posts", {"Host": "a/b"}),
    "an unknown parameter": Early(422, "GET", "/posts?x=1"),
    "GET": Early(200, "GET", "/posts"),
    "HEAD": Early(200, "HEAD", "/posts"),
    "OPTIONS": Early(200, "OPTIONS", "/posts"),
    "DELETE": Early(401, "DELETE", "/posts/1"),
}
GUNICORN = {
    "an invalid field": Early(400, "POST", "/users", {"X Y": "z"}),
    "a long field": Early(431, "POST", "/users", {"X": "x" * 9_000}),
    "a long request line": Early(414, "POST", f"/users?{'x' * 9_000}"),
    "an unknown expectation": Early(417, "POST", "/users", {"Expect": "200-ok"}),
}
"""Requests that gunicorn itself rejects."""
REQUESTS = APPLICATION | GUNICORN


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(["gunicorn"], tmp_path_factory.mktemp("unread"), PROJECT_ROOT, PRESSROOM_RATE_LIMITS="off")
    yield server.wait_until_ready()
    server.stop()


def exchange(port: int, raw: bytes) -> Response:
    """Send a message completely before reading the response, as most clients do."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return parse_response(receive_all(connection))


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
@pytest.mark.parametrize("size", [80_000, 200_000, 4_000_000])
@pytest.mark.parametrize("early", REQUESTS.values(), ids=REQUESTS)
def test_a_response_that_is_known_early_reaches_a_client_that_sends_its_body_first(
    server: Server, early: Early, size: int, is_chunked: bool
) -> None:
    raw = early.message(size, is_chunked=is_chunked)
    assert [exchange(server.port, raw).status for _ in range(5)] == [early.status] * 5


@pytest.mark.parametrize("early", APPLICATION.values(), ids=APPLICATION)
def test_the_connection_serves_another_request_after_an_unread_body(server: Server, early: Early) -> None:
    following = Early(200, "HEAD", "/about", {"Connection": "close"})
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(early.message(1_000_000) + following.message(0))
        received = receive_all(connection)
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
    assert statuses == [early.status, *([] if "Connection" in early.fields else [200])]


@pytest.mark.parametrize("size", [REQUEST_BODY_MAX_BYTES + 1, 8_000_000, 40_000_000])
@pytest.mark.parametrize("name", ["a revoked token", "no route", "invalid JSON", "GET"])
def test_a_body_that_is_announced_too_large_is_413(server: Server, name: str, size: int) -> None:
    responses = [exchange(server.port, REQUESTS[name].message(size)) for _ in range(5)]
    assert [response.status for response in responses] == [413] * 5
    assert {response.headers["Connection"] for response in responses} == {"close"}


@pytest.mark.parametrize("size", [5_000_000, 40_000_000])
def test_a_chunked_body_that_is_too_large_is_413(server: Server, size: int) -> None:
    raw = Early(413, "POST", "/users").message(size, is_chunked=True)
    assert [exchange(server.port, raw).status for _ in range(5)] == [413] * 5


@pytest.mark.parametrize("early", APPLICATION.values(), ids=APPLICATION)
def test_http_client_gets_the_response(server: Server, early: Early) -> None:
    """It sends the header fields and the body separately, and reports a broken pipe."""
    for _ in range(20):
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
            connection.request(early.method, early.path, b"x" * 2_000_000, early.fields)
            response = connection.getresponse()
            response.read()
            assert response.status == early.status


@pytest.mark.parametrize("worker_class", ["sync", "gevent"])
def test_workers_of_every_class_let_the_response_reach_the_client(tmp_path: Path, worker_class: str) -> None:
    server = Server(["gunicorn"], tmp_path, PROJECT_ROOT, PRESSROOM_WORKER_CLASS=worker_class).wait_until_ready()
    for early in REQUESTS.values():
        assert [exchange(server.port, early.message(1_000_000)).status for _ in range(3)] == [early.status] * 3
    server.stop()


EXPECT = {**JSON, "Expect": "100-continue"}


def test_a_client_that_waits_for_100_gets_the_final_status_instead(server: Server) -> None:
    """RFC 9110, section 10.1.1."""
    head = Early(401, "POST", "/posts", REVOKED | EXPECT).message(100_000)[:-100_000]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        started_at = time.monotonic()
        connection.sendall(head)
        response = parse_response(receive_all(connection))
    assert (response.status, response.headers["Connection"]) == (401, "close")
    assert time.monotonic() - started_at < 2


def test_a_client_that_does_not_wait_for_100_gets_the_final_status(server: Server) -> None:
    raw = Early(401, "POST", "/posts", REVOKED | EXPECT).message(3_000_000)
    assert [exchange(server.port, raw).status for _ in range(10)] == [401] * 10


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
def test_a_client_that_waits_for_100_gets_it_when_the_body_is_read(server: Server, is_chunked: bool) -> None:
    raw = Early(400, "POST", "/users", {**EXPECT, "Connection": "close"}).message(20_000, is_chunked=is_chunked)
    head, delimiter, body = raw.partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head + delimiter)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert parse_response(receive_all(connection)).status == 400


def test_an_empty_body_is_not_waited_for(server: Server) -> None:
    """It has no content to continue with (RFC 9110, section 10.1.1)."""
    assert exchange(server.port, Early(422, "POST", "/users", EXPECT).message(0)).status == 422


SLOW_IN_CI = {("a revoked token", False), ("an invalid field", True)}


@pytest.mark.parametrize("pause", [0.05, 60], ids=["byte by byte", "without sending"])
@pytest.mark.parametrize(
    ("name", "is_chunked"),
    [
        pytest.param(name, is_chunked, marks=() if (name, is_chunked) in SLOW_IN_CI else pytest.mark.nightly)
        for name in ("a revoked token", "the end of the connection", "GET", "an invalid field")
        for is_chunked in (False, True)
    ],
)
def test_a_slow_body_that_is_not_read_occupies_a_thread_for_a_few_seconds(
    tmp_path: Path, name: str, pause: float, is_chunked: bool
) -> None:
    """The server has one thread: while it is occupied, no other client is served."""
    early = REQUESTS[name]
    head, delimiter, _ = early.message(100_000, is_chunked=is_chunked).partition(b"\r\n\r\n")
    server = Server(["gunicorn"], tmp_path, PROJECT_ROOT, PRESSROOM_THREADS="1").wait_until_ready()
    with socket.create_connection(("127.0.0.1", server.port)) as connection, ThreadPoolExecutor(1) as other_client:
        connection.sendall(head + delimiter)
        started_at = time.monotonic()
        about = other_client.submit(server.get_status, "/about")
        connection.settimeout(pause)
        received = b""
        with suppress(BrokenPipeError, ConnectionResetError):
            while not about.done():
                with suppress(TimeoutError):
                    received += connection.recv(65_536)
                connection.send(b"0" if is_chunked else b"x")
        assert about.result() == 200
    assert time.monotonic() - started_at < DRAIN_SECONDS + LINGER_SECONDS + 5
    assert parse_response(received).status == early.status
    server.stop()


BEHIND_NGINX = {
    name: early
    for name, early in APPLICATION.items()
    if early.path not in {"/users", "/me/password"} and "Host" not in early.fields
}
"""Without what nginx itself limits or rejects."""


@needs_nginx
def test_nginx_passes_on_every_status_that_is_known_before_the_body_is_read(tmp_path: Path) -> None:
    """A connection that gunicorn resets while nginx sends is 503."""
    with nginx_and_gunicorn(tmp_path, WEB_CONCURRENCY="2", PRESSROOM_RATE_LIMITS="off") as (nginx, _):

        def send(number: int) -> tuple[str, int]:
            name = list(BEHIND_NGINX)[number % len(BEHIND_NGINX)]
            early = BEHIND_NGINX[name]
            with closing(nginx.connect(timeout=30)) as connection:
                connection.request(early.method, early.path, b"x" * (80_000 + number % 7 * 20_000), early.fields)
                return name, connection.getresponse().status

        with ThreadPoolExecutor(8) as clients:
            statuses = Counter(clients.map(send, range(60 * len(BEHIND_NGINX))))
    assert statuses == {(name, early.status): 60 for name, early in BEHIND_NGINX.items()}
