"""gunicorn's response, at less than half the instructions, and sent by one system call instead of two."""

from functools import lru_cache

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.message import TOKEN_RE

SENT_AT_ONCE_MAX_BYTES = 64 * 1024
"""Longest body that is copied, to be sent together with the header fields."""


class Response(wsgi.Response):  # type: ignore[misc] # gunicorn has no types
    """A response whose header fields are checked together, and sent with a body that is in one block."""

    headers_sent: bool
    _is_last: bool | None = None

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Check and store the header fields."""
        names, values = zip(*headers, strict=True)
        # The pattern is one of characters: it matches all values if it matches what they are together.
        if all(map(_is_sent_unchanged, names)) and wsgi.HEADER_VALUE_RE.fullmatch("".join(values)):
            self.headers += headers
            length = dict(headers).get("Content-Length")
            self.response_length = None if length is None else int(length)
        else:
            super().process_headers(headers)

    def should_close(self) -> bool:
        """Whether this is the last response on the connection: once it is sent, what its `Connection` field says."""
        if self._is_last is None or not self.headers_sent:
            self._is_last = bool(super().should_close())
        return self._is_last

    def write(self, data: bytes) -> None:
        """Send a block of the body."""
        is_complete = len(data) == self.response_length and len(data) <= SENT_AT_ONCE_MAX_BYTES
        if self.headers_sent or self._omits_body or not is_complete:
            super().write(data)
        else:
            self.sent = len(data)
            self.send_headers(data)

    def send_headers(self, body: bytes = b"") -> None:
        """Send the header fields and the body, unless the header fields are sent."""
        if not self.headers_sent:
            fields = "\r\n".join([*map(": ".join, self.headers), "", ""])
            message = "".join([*self.default_headers(), fields]).encode("latin-1") + body
            self.headers_sent = True  # before it fails: what follows a part of a response is no other response
            util.write(self.sock, message)


@lru_cache(maxsize=128)
def _is_sent_unchanged(name: str) -> bool:
    """Whether gunicorn sends a field of that name, and reads nothing but the length from it."""
    is_length = name.lower() == "content-length"
    return bool(TOKEN_RE.fullmatch(name)) and not util.is_hoppish(name) and (name == "Content-Length" or not is_length)
