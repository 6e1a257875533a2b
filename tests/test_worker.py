"""gunicorn's workers: what replaces parts of gunicorn behaves like them, at less cost."""

import sys
import weakref
from types import FrameType
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from api.worker import RequestBody
from api.worker_response import SENT_AT_ONCE_MAX_BYTES, Response

CONFIG = Config()
ORDINARY = [
    ("Content-Type", "application/json"),
    ("Content-Length", "4"),
    ("ETag", '"abc.0123456789abcdef"'),
    ("Vary", "Origin"),
    ("Vary", "Authorization"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Request-ID", "ab" * 16),
]
FIELDS = {
    "ordinary": ORDINARY,
    "another case": [("content-length", "4"), ("ETAG", '"x"')],
    "no length": [("Content-Type", "text/plain")],
    "another length": [("Content-Length", "3")],
    "two lengths": [("Content-Length", "3"), ("Content-Length", "4")],
    "an invalid length": [("Content-Length", "four")],
    "of the connection": [("Connection", "close"), ("Keep-Alive", "timeout=5"), ("Content-Length", "4")],
    "that gunicorn sets": [("Server", "x"), ("Date", "x"), ("Content-Length", "4")],
    "an upgrade": [("Connection", "upgrade"), ("Upgrade", "websocket")],
    "Latin-1": [("Link", "</é>"), ("Content-Length", "4")],
    "not Latin-1": [("Link", "</ł>"), ("Content-Length", "4")],
    "a line break": [("Link", "x\r\nSet-Cookie: y"), ("Content-Length", "4")],
    "a NUL": [("Link", "\0"), ("Content-Length", "4")],
    "an invalid name": [("Li nk", "x"), ("Content-Length", "4")],
    "a line break in the name": [("Link: x\r\nSet-Cookie", "y"), ("Content-Length", "4")],
    "bytes": [("Link", b"x"), ("Content-Length", "4")],
}


class Socket:
    """A socket that collects what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)


def parse(message: bytes) -> Request:
    return Request(CONFIG, IterUnreader(iter([message])), ("127.0.0.1", 1))


def send(
    response_class: type[wsgi.Response], fields: Any, blocks: list[bytes], *, request: bytes, status: str, last: bool
) -> tuple[list[bytes], object]:
    """Return what a worker sends, and whether it closes the connection or how the response fails."""
    connection = Socket()
    response = response_class(parse(request), connection, CONFIG)
    if last:
        response.force_close()
    try:
        write = response.start_response(status, [*fields])
        for block in blocks:
            write(block)
        response.close()
    except (TypeError, ValueError, wsgi.InvalidResponseHeader, wsgi.InvalidResponseHeaderName) as error:
        return connection.sent, type(error)
    return connection.sent, response.should_close()


@pytest.fixture(autouse=True)
def _constant_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gunicorn.util.http_date", lambda: "Sat, 28 Nov 2026 18:00:00 GMT")


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
@pytest.mark.parametrize(
    "request_line", ["GET / HTTP/1.1", "HEAD / HTTP/1.1", "GET / HTTP/1.0", "GET / HTTP/1.1\r\nConnection: close"]
)
def test_a_response_is_what_gunicorn_sends(fields: list[tuple[str, str]], request_line: str) -> None:
    request = f"{request_line}\r\n\r\n".encode()
    for status in ("200 OK", "204 NO CONTENT", "304 NOT MODIFIED"):
        for blocks in ([b"body"], [b"bo", b"dy"], [b""], []):
            for last in (False, True):
                sent, outcome = send(Response, fields, blocks, request=request, status=status, last=last)
                expected = send(wsgi.Response, fields, blocks, request=request, status=status, last=last)
                assert (b"".join(sent), outcome) == (b"".join(expected[0]), expected[1])


@pytest.mark.parametrize(
    ("size", "pieces"), [(0, 1), (4, 1), (SENT_AT_ONCE_MAX_BYTES, 1), (SENT_AT_ONCE_MAX_BYTES + 1, 2)]
)
def test_header_fields_and_a_short_body_are_sent_at_once(size: int, pieces: int) -> None:
    fields = [("Content-Length", str(size))]
    sent, _ = send(Response, fields, [b"x" * size], request=b"GET / HTTP/1.1\r\n\r\n", status="200 OK", last=False)
    assert len(sent) == pieces


def test_a_response_takes_less_than_half_the_instructions_of_gunicorns() -> None:
    def count(response_class: type[wsgi.Response]) -> int:
        response, instructions = response_class(parse(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Socket(), CONFIG), 0

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal instructions
            frame.f_trace_opcodes = True
            instructions += event == "opcode"
            return trace

        previous = sys.gettrace()
        sys.settrace(trace)
        try:
            response.start_response("200 OK", [*ORDINARY])(b"body")
            response.close()
            for _ in range(2):  # the worker, and how it closes connections
                response.should_close()
        finally:
            sys.settrace(previous)
        return instructions

    count(Response)
    assert count(Response) < count(wsgi.Response) / 2


def test_a_body_that_has_been_read_is_freed_without_a_garbage_collection() -> None:
    request = parse(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody")
    request.body = RequestBody(request)
    body, reference = request.body, weakref.ref(request)
    assert body.read() == b"body"
    body.finish()
    del body, request
    assert reference() is None
