"""Servers with two workers for the faults, and the table of results."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import accounting
from tests.faults.load_generator import SERVER_ENVIRONMENT
from tests.support.deployments import copy_code
from tests.support.servers import Server
from tests.support.socket_activation import SocketActivatedServer


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if accounting.rows:
        terminalreporter.write_line(f"\n{accounting.results_table()}")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """PRESSROOM_RUN_DIR: where `pressroom deploy roll` finds the server, and a killed server leaves its metrics."""
    (directory := tmp_path / "run").mkdir()
    return directory


@pytest.fixture
def serve(serve: Callable[..., Server], run_dir: Path) -> Callable[..., Server]:
    """Start gunicorn with two workers."""
    return lambda **options: serve(**{**SERVER_ENVIRONMENT, "PRESSROOM_RUN_DIR": str(run_dir), **options})


@pytest.fixture
def activate(activate: Callable[..., SocketActivatedServer], run_dir: Path) -> Callable[..., SocketActivatedServer]:
    """Start gunicorn with two workers by socket activation."""
    return lambda **options: activate(**{**SERVER_ENVIRONMENT, "PRESSROOM_RUN_DIR": str(run_dir), **options})


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the code, to change."""
    return copy_code(tmp_path)
