"""The complete stack (TLS, nginx, a socket that outlives the server, gunicorn) while parts are replaced or killed."""

import os
import signal
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.faults.accounting import under_load
from tests.faults.load_generator import CLIENTS
from tests.support.deployments import deploy_title_max_length, roll
from tests.support.nginx import Nginx, needs_nginx
from tests.support.processes import child_pids
from tests.support.servers import worker_pids
from tests.support.socket_activation import SocketActivatedServer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.heavy, needs_nginx]


class Stack:
    """nginx and the server behind it."""

    def __init__(self, nginx: Nginx, server: SocketActivatedServer) -> None:
        self.nginx, self.server, self.log = nginx, server, server.log

    def connect(self, *, timeout: float) -> HTTPConnection:
        return self.nginx.connect(timeout=timeout)


@pytest.fixture
def stack(activate: Callable[..., SocketActivatedServer], code: Path) -> Iterator[Stack]:
    server = activate(code=code, PRESSROOM_TRUSTED_PROXIES="1")
    nginx = Nginx(code / "nginx", server.path).start()
    yield Stack(nginx, server)
    nginx.stop()


def test_no_request_fails_behind_nginx_during_a_rolling_deployment(stack: Stack, code: Path, run_dir: Path) -> None:
    with under_load("rolling deployment behind nginx", stack) as load:
        deploy_title_max_length(code, "199")
        assert roll(run_dir, code).stdout == "2 workers have been replaced.\n"
    assert not load.failures()


def test_no_request_fails_behind_nginx_when_the_master_is_killed(stack: Stack) -> None:
    with under_load("master killed behind nginx", stack) as load:
        stack.server.process.kill()
        stack.server.wait_until_ready()
    assert not load.failures()


def test_requests_of_a_killed_worker_get_503_from_nginx(stack: Stack) -> None:
    with under_load("worker killed behind nginx", stack) as load:
        os.kill(worker_pids(stack.server)[0], signal.SIGKILL)
    assert load.failures().keys() <= {503}
    assert load.failures().total() <= CLIENTS


def test_a_reload_of_nginx_fails_requests_only_on_persistent_connections(stack: Stack) -> None:
    """HTTP/1.1 has no way to announce that an idle connection will be closed."""
    master = stack.nginx.process.pid
    with under_load("nginx reloaded, HTTP/1.1", stack) as load:
        old = {*child_pids(master)}
        stack.nginx.reload()
        wait_until(lambda: not old & {*child_pids(master)})
    assert load.failures().total() <= CLIENTS // 2
