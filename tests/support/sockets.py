"""Ports and raw bytes."""

import socket
from contextlib import suppress


def free_port() -> int:
    """Return a port of 127.0.0.1 on which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def receive_all(connection: socket.socket, *, until: type[OSError] = TimeoutError) -> bytes:
    """Return the bytes that arrive until the peer closes the connection or the error `until` is raised."""
    received = b""
    with suppress(until):
        while more := connection.recv(65536):
            received += more
    return received
