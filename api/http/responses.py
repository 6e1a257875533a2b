"""Responses whose body is in memory."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from flask import Response
from werkzeug.wsgi import ClosingIterator

from api.json import dumps

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

Headers: TypeAlias = list[tuple[str, str]]
READ_METHODS = frozenset({"GET", "HEAD"})
_BODY_HEADERS = frozenset({"Content-Length", "Content-Type"})


class BufferedResponse(Response):
    """A response whose body is in memory and whose header fields are complete."""

    default_mimetype = None
    response: list[bytes]

    def get_wsgi_response(self, environ: "WSGIEnvironment") -> tuple[Iterable[bytes], str, Headers]:
        """Return the body, the status and the header fields, without Werkzeug's corrections of them."""
        headers, body = [*self.headers], self.response
        if self.status_code in {204, 304}:
            headers = [header for header in headers if header[0] not in _BODY_HEADERS]
            body = []
        elif environ["REQUEST_METHOD"] == "HEAD":
            body = []
        return ClosingIterator(body, self.close) if self._on_close else body, self.status, headers


def json_response(
    content: object,
    status: int = 200,
    *,
    media_type: str = "application/json",
) -> BufferedResponse:
    """Return a JSON response."""
    return BufferedResponse(dumps(content), status, content_type=media_type)
