"""gunicorn's processes come and go: whose requests fail."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.accounts import under_load
from tests.faults.conftest import deploy
from tests.faults.load import CLIENTS
from tests.support.servers import Server, roll, workers
from tests.support.waiting import until

pytestmark = pytest.mark.heavy


def title(server: Server) -> int:
    """The version that answers, by a limit that a deployment has changed."""
    longest: int = server.read("/about")["limits"]["title"]
    return longest


def test_no_request_fails_while_a_deployment_rolls(start: Callable[..., Server], deployed: Path, run: Path) -> None:
    rolling = start(directory=deployed)
    with under_load("rolling deployment", rolling) as load:
        deploy(deployed, "TITLE_MAX_LENGTH = 199")
        assert roll(run, deployed).stdout == "2 workers have been replaced.\n"
    assert not load.failed()
    assert {title(rolling) for _ in range(20)} == {199}


def test_no_request_fails_when_the_configuration_is_read_anew(start: Callable[..., Server]) -> None:
    reloading = start()
    old = workers(reloading)
    with under_load("HUP", reloading) as load:
        reloading.process.send_signal(signal.SIGHUP)
        until(lambda: not set(old) & set(workers(reloading)))
    assert not load.failed()


def test_no_request_fails_while_workers_are_renewed(start: Callable[..., Server]) -> None:
    renewing = start(PRESSROOM_MAX_REQUESTS="200", PRESSROOM_MAX_REQUESTS_JITTER="50")
    old = workers(renewing)
    with under_load("workers renewed after 200 to 250 requests", renewing) as load:
        until(lambda: not set(old) & set(workers(renewing)))
    assert not load.failed()


def test_a_killed_worker_takes_with_it_at_most_a_request_of_each_client(start: Callable[..., Server]) -> None:
    killed = start()
    with under_load("worker killed", killed) as load:
        os.kill(workers(killed)[0], signal.SIGKILL)
    assert load.failed().total() <= CLIENTS


def test_no_request_fails_while_a_worker_is_held_up(start: Callable[..., Server]) -> None:
    held = start()
    worker = workers(held)[0]
    with under_load("worker held up for 1.5 s", held) as load:
        os.kill(worker, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(worker, signal.SIGCONT)
    assert not load.failed()
    assert worker in workers(held)


def test_a_worker_that_hangs_is_replaced(start: Callable[..., Server]) -> None:
    hanging = start(PRESSROOM_TIMEOUT="2")
    worker = workers(hanging)[0]
    with under_load("worker hanging for longer than PRESSROOM_TIMEOUT=2", hanging) as load:
        os.kill(worker, signal.SIGSTOP)
        until(lambda: worker not in workers(hanging))
    assert load.failed().total() <= CLIENTS


def test_whoever_comes_while_gunicorn_itself_listens_and_is_started_anew_is_refused(
    start: Callable[..., Server],
) -> None:
    """What a socket that outlives the server is for; and that this suite sees requests fail."""
    stopped = start()
    with under_load("stop and start, gunicorn listening by itself", stopped) as load:
        assert stopped.stop() == 0
        stopped.start().wait()
    assert "refused" in load.failed()


def test_code_that_does_not_start_ends_the_service_unless_it_is_seen_before(
    serve: Callable[..., Server], deployed: Path, run: Path
) -> None:
    """A worker that fails to boot halts gunicorn's master, and with it all workers that were well."""
    server = serve(directory=deployed, PRESSROOM_RUN_DIR=str(run), WEB_CONCURRENCY="2")
    deploy(deployed, "TITLE_MAX_LENGTH = two hundred")
    assert roll(run, deployed).returncode == 1
    assert server.get("/posts") == 200
    server.process.send_signal(signal.SIGHUP)
    assert server.process.wait(30) != 0
    assert "Worker failed to boot." in server.log.read_text()
