"""The server, as it is shipped, for a fault to befall it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import accounts
from tests.journeys.conftest import serve as serve  # noqa: PLC0414 (a fixture is found by its name)
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server
from tests.support.socket_activation import Activation

SETTINGS = {"WEB_CONCURRENCY": "2", "PRESSROOM_RATE_LIMITS": "off"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if accounts.rows:
        terminalreporter.write_line(f"\n{accounts.table()}")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Where `pressroom deploy roll` finds the server, and where its counts are left when it is killed."""
    (run := tmp_path / "run").mkdir()
    return run


@pytest.fixture
def start(serve: Callable[..., Server], run: Path) -> Callable[..., Server]:
    """Starts a server with two workers."""
    return lambda **options: serve(**{**SETTINGS, "PRESSROOM_RUN_DIR": str(run), **options})


@pytest.fixture
def activate(tmp_path: Path, run: Path) -> Iterator[Callable[..., Activation]]:
    """Starts a server with two workers behind a socket that outlives it."""
    activations: list[Activation] = []

    def begin(**options: Any) -> Activation:
        activations.append(Activation(tmp_path, **{**SETTINGS, "PRESSROOM_RUN_DIR": str(run), **options}))
        return activations[-1].wait()

    yield begin
    for activation in activations:
        activation.stop()


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """A directory with the code in it, to be changed."""
    shutil.copytree(PROJECT_ROOT / "api", tmp_path / "api")
    shutil.copy(PROJECT_ROOT / "gunicorn.conf.py", tmp_path)
    return tmp_path


def deploy(directory: Path, line: str) -> None:
    """Change the code there: a line instead of the one that bounds titles."""
    module = directory / "api" / "constraints.py"
    code = module.read_text()
    assert "\nTITLE_MAX_LENGTH = 200\n" in code
    module.write_text(code.replace("\nTITLE_MAX_LENGTH = 200\n", f"\n{line}\n"))
