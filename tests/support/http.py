"""HTTP requests and responses over sockets."""

import json
import socket
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPMessage, parse_headers
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Response(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class UnixConnection(HTTPConnection):
    """An HTTP connection over a Unix domain socket."""

    def __init__(self, path: Path, timeout: float = 30) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def send_request(
    connection: HTTPConnection, method: str, path: str, body: object = None, headers: Mapping[str, str] = NO_HEADERS
) -> Response:
    """Send a request, with `body` as JSON, and close the connection after the response."""
    fields = {"Content-Type": "application/json", **headers} if body is not None else dict(headers)
    with closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())


def parse_response(raw: bytes) -> Response:
    """Parse a response; its body is all that follows the headers."""
    stream = BytesIO(raw)
    status = int(stream.readline().split()[1])
    return Response(status, parse_headers(stream), stream.read())
