"""The address that gunicorn listens on."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from api.start.directories import check_directory

SOCKET_PATH_MAX_BYTES = 107
"""The size of `sun_path` on Linux, without the final zero (unix(7))."""


def is_in_use(bind: str) -> bool:
    """Return whether another process listens on the address."""
    if bind.startswith("unix:"):
        return False
    try:
        _bind(*_split(bind))
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def check_bind(bind: str, directory: Path) -> Iterator[str]:
    """Yield why gunicorn could not listen on the address, unless it is in use."""
    try:
        problem = (
            _check_socket(bind.removeprefix("unix:"), directory) if bind.startswith("unix:") else _check_host(bind)
        )
    except OSError as error:
        problem = f"{error.strerror or error}"
    if problem:
        yield f"Invalid PRESSROOM_BIND {bind!r}: {problem}."


def _check_socket(text: str, directory: Path) -> str:
    # gunicorn reads `unix://path`, too.
    file = text.removeprefix("//")
    if (size := len(os.fsencode(file))) > SOCKET_PATH_MAX_BYTES:
        return f"the path has {size} bytes. Use one of at most {SOCKET_PATH_MAX_BYTES}"
    if file.endswith("/"):
        return "remove the trailing slash"
    path = directory / file
    if path.exists() and not path.is_socket():
        return f"{path} is not a socket. Remove it, or choose another path"
    return check_directory(path.parent)


def _check_host(bind: str) -> str:
    host, port = _split(bind)
    messages = {
        errno.EADDRINUSE: "",
        errno.EADDRNOTAVAIL: f"{host} is not an address of this machine",
        errno.EACCES: f"this user may not listen on port {port}. Use one from 1024",
    }
    try:
        _bind(host, port)
    except (socket.gaierror, UnicodeError):
        return f"the host {host} cannot be resolved"
    except OSError as error:
        return messages.get(error.errno or 0, f"{error.strerror}")
    return ""


def _split(bind: str) -> tuple[str, int]:
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), int(port)


def _bind(host: str, port: int) -> None:
    """Bind as gunicorn does, without listening."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
