"""gunicorn behind a socket of systemd's."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.socket_activation import Activation

pytestmark = pytest.mark.heavy


@pytest.fixture
def activate(tmp_path: Path) -> Iterator[Callable[..., Activation]]:
    """Starts a server behind a socket, and waits until it says that it is ready."""
    activations: list[Activation] = []

    def start(**settings: str) -> Activation:
        activations.append(Activation(tmp_path, **settings))
        return activations[-1].wait()

    yield start
    for activation in activations:
        activation.stop()


def read(activation: Activation, path: str) -> Any:
    with closing(activation.connect(timeout=30)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


def test_the_socket_that_is_handed_over_is_served_and_no_other(activate: Callable[..., Activation]) -> None:
    activation = activate(PRESSROOM_BIND="unix:/nowhere/else.sock")
    assert read(activation, "/health/ready") == {"status": "ready"}
    assert f"Listening at: unix:{activation.path}" in activation.log.read_text()


def test_a_stop_is_heard_by_workers_that_have_only_just_begun(activate: Callable[..., Activation]) -> None:
    activation = activate(PRESSROOM_GRACEFUL_TIMEOUT="30")
    while activation.log.read_text().count("Booting worker") < 2:
        time.sleep(0.005)
    time.sleep(0.02)
    first = activation.process
    first.terminate()
    assert first.wait(10) == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["a restart", "a crash"])
def test_no_request_fails_while_the_server_is_new(activate: Callable[..., Activation], end: signal.Signals) -> None:
    activation, stopped, answers = activate(), threading.Event(), []
    first = activation.process.pid

    def ask() -> None:
        while not stopped.is_set():
            answers.append(read(activation, "/posts"))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    while len(answers) < 100:
        stopped.wait(0.01)
    os.kill(first, end)
    activation.wait()
    answered = len(answers)
    while len(answers) < answered + 100:
        stopped.wait(0.1)
    stopped.set()
    for client in clients:
        client.join()
    assert activation.process.pid != first
    assert answers == [{"items": [], "next_cursor": None}] * len(answers)
