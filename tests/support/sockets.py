"""Ports and raw bytes."""

import socket
from collections import deque
from contextlib import suppress

_reserved: deque[socket.socket] = deque()
RESERVED_MAX = 50


def free_port() -> int:
    """Return a port of 127.0.0.1 and ::1 on which no server listens.

    The system gives it to no other process, such as another pytest worker, until a server of this one listens.
    """
    probe = socket.socket(socket.AF_INET6)
    # socket(7): others that set this option, as servers do, can bind to the port while this socket does not listen.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    probe.bind(("::", 0))
    _reserved.append(probe)
    if len(_reserved) > RESERVED_MAX:
        _reserved.popleft().close()
    return int(probe.getsockname()[1])


def receive_all(connection: socket.socket, *, until: type[OSError] = TimeoutError) -> bytes:
    """Return the bytes that arrive until the peer closes the connection or the error `until` is raised."""
    received = b""
    with suppress(until):
        while more := connection.recv(65536):
            received += more
    return received
