"""HTTP responses with a deadline: the timeout of a socket is for each piece of them, of which there can be many."""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any


class _Stream(io.RawIOBase):
    """What comes from a socket until a deadline."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes; `TimeoutError` after the deadline."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(remaining)
        return self._sock.recv_into(buffer)


class BoundedResponse(HTTPResponse):
    """A response that must be complete at a deadline."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__(sock)
        self.fp.close()
        self.fp = io.BufferedReader(_Stream(sock, deadline))
