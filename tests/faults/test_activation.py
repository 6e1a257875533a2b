"""A server behind a socket that outlives it, as systemd's, is stopped or crashes: nobody notices but by waiting."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.faults.accounts import under_load
from tests.faults.load import CLIENTS
from tests.support.socket_activation import Activation

pytestmark = pytest.mark.heavy


def test_no_request_fails_on_a_restart(activate: Callable[..., Activation]) -> None:
    activation = activate()
    with under_load("restart behind a socket of systemd's", activation) as load:
        activation.process.terminate()
        activation.wait()
    assert not load.failed()


def test_no_request_fails_when_the_master_is_killed(activate: Callable[..., Activation]) -> None:
    """Its workers notice, and finish what they have."""
    activation = activate()
    with under_load("master killed behind a socket of systemd's", activation) as load:
        activation.process.kill()
        activation.wait()
    assert not load.failed()


def test_nothing_acknowledged_is_lost_when_everything_is_killed_while_it_writes(
    activate: Callable[..., Activation],
) -> None:
    activation, kills = activate(), 4
    with under_load("master and workers killed at once, 4 times, on SQLite", activation) as load:
        for _ in range(kills):
            os.killpg(activation.process.pid, signal.SIGKILL)
            activation.wait()
    assert load.failed().total() <= kills * CLIENTS
