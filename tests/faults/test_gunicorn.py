"""gunicorn's processes are replaced, restarted, paused or killed."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.accounting import under_load
from tests.faults.load_generator import CLIENTS
from tests.support.deployments import deploy_title_max_length, deployed_title_max_length, roll
from tests.support.servers import Server, worker_pids
from tests.support.waiting import wait_until

pytestmark = pytest.mark.heavy


def test_no_request_fails_during_a_rolling_deployment(serve: Callable[..., Server], code: Path, run_dir: Path) -> None:
    server = serve(code=code)
    with under_load("rolling deployment", server) as load:
        deploy_title_max_length(code, "199")
        assert roll(run_dir, code).stdout == "2 workers have been replaced.\n"
    assert not load.failures()
    assert {deployed_title_max_length(server) for _ in range(20)} == {199}


def test_no_request_fails_when_gunicorn_reloads_its_configuration(serve: Callable[..., Server]) -> None:
    server = serve()
    old = worker_pids(server)
    with under_load("HUP", server) as load:
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not set(old) & set(worker_pids(server)))
    assert not load.failures()


def test_no_request_fails_when_workers_restart_after_max_requests(serve: Callable[..., Server]) -> None:
    server = serve(PRESSROOM_MAX_REQUESTS="200", PRESSROOM_MAX_REQUESTS_JITTER="50")
    old = worker_pids(server)
    with under_load("workers restarted after 200 to 250 requests", server) as load:
        wait_until(lambda: not set(old) & set(worker_pids(server)))
    assert not load.failures()


def test_a_killed_worker_fails_at_most_one_request_per_client(serve: Callable[..., Server]) -> None:
    server = serve()
    with under_load("worker killed", server) as load:
        os.kill(worker_pids(server)[0], signal.SIGKILL)
    assert load.failures().total() <= CLIENTS


@pytest.mark.alone
def test_no_request_fails_while_a_worker_is_paused(serve: Callable[..., Server]) -> None:
    server = serve()
    worker = worker_pids(server)[0]
    with under_load("worker paused for 1.5 s", server) as load:
        os.kill(worker, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(worker, signal.SIGCONT)
    assert not load.failures()
    assert worker in worker_pids(server)


@pytest.mark.alone
def test_a_hanging_worker_is_replaced(serve: Callable[..., Server]) -> None:
    server = serve(PRESSROOM_TIMEOUT="2")
    worker = worker_pids(server)[0]
    with under_load("worker hanging for longer than PRESSROOM_TIMEOUT=2", server) as load:
        os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: worker not in worker_pids(server))
    assert load.failures().total() <= CLIENTS


def test_connections_are_refused_during_a_restart_without_socket_activation(serve: Callable[..., Server]) -> None:
    """Shows what socket activation is for, and that this suite sees requests fail."""
    server = serve()
    with under_load("stop and start without systemd's socket", server) as load:
        assert server.stop() == 0
        server.start().wait_until_ready()
    assert "refused" in load.failures()


def test_a_roll_rejects_code_on_which_a_reload_would_stop_the_service(
    serve: Callable[..., Server], code: Path, run_dir: Path
) -> None:
    """gunicorn's master halts with all its workers when a new worker fails to boot."""
    server = serve(code=code)
    deploy_title_max_length(code, "two hundred")
    assert roll(run_dir, code).returncode == 1
    assert server.get_status("/posts") == 200
    server.process.send_signal(signal.SIGHUP)
    assert server.process.wait(30) != 0
    assert "Worker failed to boot." in server.log.read_text()
