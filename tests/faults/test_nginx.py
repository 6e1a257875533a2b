"""The whole of it: TLS, nginx, a socket that outlives the server, gunicorn, while parts of it are replaced or die."""

import os
import signal
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.faults.accounts import under_load
from tests.faults.conftest import deploy
from tests.faults.load import CLIENTS
from tests.support.nginx import ABSENT, EXECUTABLE, Nginx
from tests.support.servers import roll, workers
from tests.support.socket_activation import Activation
from tests.support.waiting import until

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(EXECUTABLE is None, reason=ABSENT)]


class Stack:
    """nginx, and what is behind it."""

    def __init__(self, activation: Activation, nginx: Nginx) -> None:
        self.activation, self.nginx, self.log = activation, nginx, activation.log

    def connect(self, *, timeout: float) -> HTTPConnection:
        return self.nginx.connect(timeout=timeout)


@pytest.fixture
def stack(activate: Callable[..., Activation], deployed: Path) -> Iterator[Stack]:
    activation = activate(house=deployed, PRESSROOM_TRUSTED_PROXIES="1")
    nginx = Nginx(deployed / "nginx", activation.path).start()
    yield Stack(activation, nginx)
    nginx.stop()


def test_no_request_fails_while_a_deployment_rolls(stack: Stack, deployed: Path, run: Path) -> None:
    with under_load("rolling deployment behind nginx", stack) as load:
        deploy(deployed, "TITLE_MAX_LENGTH = 199")
        assert roll(run, deployed).stdout == "2 workers have been replaced.\n"
    assert not load.failed()


def test_no_request_fails_when_the_master_is_killed(stack: Stack) -> None:
    with under_load("master killed behind nginx", stack) as load:
        stack.activation.process.kill()
        stack.activation.wait()
    assert not load.failed()


def test_what_a_killed_worker_had_begun_is_answered_by_503(stack: Stack) -> None:
    with under_load("worker killed behind nginx", stack) as load:
        os.kill(workers(stack.activation)[0], signal.SIGKILL)
    assert load.failed().keys() <= {503}
    assert load.failed().total() <= CLIENTS


def test_only_kept_connections_notice_that_nginx_reads_its_configuration_anew(stack: Stack) -> None:
    """HTTP/1.1 has no way to say that an idle connection will be closed."""
    master = stack.nginx.process.pid
    with under_load("nginx reloaded, HTTP/1.1", stack) as load:
        children = Path(f"/proc/{master}/task/{master}/children")
        old = {*children.read_text().split()}
        stack.nginx.reload()
        until(lambda: not old & {*children.read_text().split()})
    assert load.failed().total() <= CLIENTS // 2
