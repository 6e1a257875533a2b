"""The real thing: gunicorn, as it is started in production."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server, gunicorn if nothing else is said, and waits until it is ready."""
    servers: list[Server] = []

    def start(*command: str, directory: Path = PROJECT_ROOT, **settings: str) -> Server:
        servers.append(Server([*(command or ["gunicorn"])], tmp_path, directory, **settings))
        return servers[-1].wait()

    yield start
    for server in servers:
        server.stop()
