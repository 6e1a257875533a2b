"""gunicorn with systemd's socket activation."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.http import send_request
from tests.support.socket_activation import SocketActivatedServer
from tests.support.sockets import receive_all

pytestmark = pytest.mark.heavy


def get_json(server: SocketActivatedServer, path: str) -> Any:
    return send_request(server.connect(timeout=30), "GET", path).json


def test_gunicorn_listens_only_at_the_socket_that_systemd_passes(
    activate: Callable[..., SocketActivatedServer],
) -> None:
    server = activate(PRESSROOM_BIND="unix:/nowhere/else.sock")
    assert get_json(server, "/health/ready") == {"status": "ready"}
    assert f"Listening at: unix:{server.path}" in server.log.read_text()


def test_load_balancers_may_omit_the_host_with_http_1_0(activate: Callable[..., SocketActivatedServer]) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(activate().path))
        connection.sendall(b"GET /health/ready HTTP/1.0\r\n\r\n")
        assert receive_all(connection).startswith((b"HTTP/1.0 200 OK", b"HTTP/1.1 200 OK"))


def test_workers_that_are_still_booting_obey_a_stop(activate: Callable[..., SocketActivatedServer]) -> None:
    server = activate(PRESSROOM_GRACEFUL_TIMEOUT="30")
    while server.log.read_text().count("Booting worker") < 2:
        time.sleep(0.005)
    time.sleep(0.02)
    first = server.process
    first.terminate()
    assert first.wait(25) == 0  # not after PRESSROOM_GRACEFUL_TIMEOUT


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "crash"])
def test_no_request_fails_until_the_next_server_is_ready(
    activate: Callable[..., SocketActivatedServer], end: signal.Signals
) -> None:
    server, stopped, pages = activate(), threading.Event(), []
    first = server.process.pid

    def read() -> None:
        while not stopped.is_set():
            pages.append(get_json(server, "/posts"))

    clients = [threading.Thread(target=read) for _ in range(4)]
    for client in clients:
        client.start()
    while len(pages) < 100:
        stopped.wait(0.01)
    os.kill(first, end)
    server.wait_until_ready()
    before = len(pages)
    while len(pages) < before + 100:
        stopped.wait(0.1)
    stopped.set()
    for client in clients:
        client.join()
    assert server.process.pid != first
    assert pages == [{"items": [], "next_cursor": None}] * len(pages)
