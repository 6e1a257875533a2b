"""Restarts and crashes of a socket-activated server: clients wait, but no request fails."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.faults.accounting import under_load
from tests.faults.load_generator import CLIENTS
from tests.support.socket_activation import SocketActivatedServer

pytestmark = pytest.mark.heavy


def test_no_request_fails_when_a_socket_activated_server_restarts(
    activate: Callable[..., SocketActivatedServer],
) -> None:
    server = activate()
    with under_load("restart behind systemd's socket", server) as load:
        server.process.terminate()
        server.wait_until_ready()
    assert not load.failures()


def test_no_request_fails_when_the_master_of_a_socket_activated_server_is_killed(
    activate: Callable[..., SocketActivatedServer],
) -> None:
    """Workers notice that their master is gone, and finish their requests."""
    server = activate()
    with under_load("master killed behind systemd's socket", server) as load:
        server.process.kill()
        server.wait_until_ready()
    assert not load.failures()


def test_no_acknowledged_write_is_lost_when_master_and_workers_are_killed(
    activate: Callable[..., SocketActivatedServer],
) -> None:
    server, kills = activate(), 4
    with under_load("master and workers killed at once, 4 times, on SQLite", server) as load:
        for _ in range(kills):
            os.killpg(server.process.pid, signal.SIGKILL)
            server.wait_until_ready()
    assert load.failures().total() <= kills * CLIENTS
