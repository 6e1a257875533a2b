"""Responses that are sent while they are read from the database, in bounded memory."""

import time
from collections.abc import Callable, Iterable, Iterator

from flask import Response

from api.http.application import Request
from api.store.engine.connections import Connection
from api.store.errors import Unavailable

_CHUNK_BYTES = 64 * 1024
"""Each chunk is sent by itself."""


def stream_snapshot(
    request: Request, lines: Callable[[Connection], Iterable[bytes]], *, content_type: str, filename: str
) -> Response | None:
    """Return the response that sends `lines` of a snapshot of the database; None if there are none.

    An error before the first line is reported by the status; after it, the connection is closed, so that the client
    sees that the content is incomplete. HEAD reads nothing.
    """
    content = iter(()) if request.method == "HEAD" else _chunks(request, lines)
    first = [] if request.method == "HEAD" else [next(content, b"")]
    if first == [b""]:
        return None
    response = Response(_joined(first, content), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    # Also if the client has gone before the first chunk was sent.
    response.call_on_close(getattr(content, "close", lambda: None))
    return response


def _joined(first: Iterable[bytes], content: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from content


def _chunks(request: Request, lines: Callable[[Connection], Iterable[bytes]]) -> Iterator[bytes]:
    """Yield the lines in chunks, of which the first may be a single line."""
    database = request.app.database
    deadline = time.monotonic() + database.timeouts.stream_seconds
    with database.snapshot() as db:
        chunk: list[bytes] = []
        size = 0
        for line in lines(db):
            chunk.append(line)
            size += len(line)
            if size >= _CHUNK_BYTES:
                yield b"".join(chunk)
                chunk, size = [], 0
                if time.monotonic() > deadline:
                    # It holds a connection, and a snapshot, because of which a log of SQLite grows.
                    raise Unavailable("The client reads too slowly.")
        if chunk:
            yield b"".join(chunk)
