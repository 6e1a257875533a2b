"""Socket activation as systemd does it: the socket outlives the server, so clients wait while the server restarts."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.http import UnixConnection
from tests.support.paths import PROJECT_ROOT

RESTART_SECONDS = 0.2
"""Time between the end of a server and the start of the next (`RestartSec`)."""
_EXEC_WITH_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", *sys.argv[2:]])
"""
"""Runs between fork and exec. sd_listen_fds(3): the socket is file descriptor 3, LISTEN_PID the server's process id."""


class SocketActivatedServer:
    """gunicorn behind a Unix domain socket that outlives it; started again whenever it ends (`Restart=always`).

    `process` is the current master. `directory` must be short: a socket's path has at most 107 bytes.
    """

    def __init__(self, directory: Path, code: Path = PROJECT_ROOT, **environment: str) -> None:
        self.path, self.log = directory / "pressroom.sock", directory / "log"
        self.database_url = f"sqlite:///{directory / 'pressroom.sqlite'}"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.path))
        self._socket.listen(2048)
        self._notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notifications.bind(str(directory / "notify"))
        self._notifications.settimeout(60)
        self._code = code
        self._environment = {
            **os.environ,
            "PRESSROOM_DATABASE_URL": self.database_url,
            "WEB_CONCURRENCY": "2",
            **environment,
            "LISTEN_FDS": "1",
            "NOTIFY_SOCKET": str(directory / "notify"),
        }
        self._stopping, self._lock = False, threading.Lock()
        self.process = self._start()
        self._supervisor = threading.Thread(target=self._supervise)
        self._supervisor.start()

    def connect(self, timeout: float = 30) -> UnixConnection:
        """Return a connection, which waits in the socket's backlog while no server runs."""
        return UnixConnection(self.path, timeout)

    def wait_until_ready(self) -> "SocketActivatedServer":
        """Wait until a server that has started since the last call says that it is ready (`Type=notify`)."""
        assert b"READY=1" in self._notifications.recv(4096).split(b"\n"), self.log.read_text()
        return self

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server, and start it again at the end of the block; clients wait in the socket's backlog."""
        with self._lock:
            self.process.terminate()
            self.process.wait()
            with suppress(ProcessLookupError):
                while True:  # as systemd waits for all processes of a unit
                    os.killpg(self.process.pid, 0)
                    time.sleep(0.02)
            yield

    def stop(self) -> None:
        """Stop the server for good, and close the socket."""
        with self._lock:
            self._stopping = True
            self.process.terminate()
        self._supervisor.join()
        self._socket.close()
        self._notifications.close()

    def _start(self) -> subprocess.Popen[bytes]:
        descriptor = self._socket.fileno()
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", _EXEC_WITH_SOCKET, str(descriptor), "gunicorn"],
                cwd=self._code,
                env=self._environment,
                pass_fds=[descriptor],
                process_group=0,
                stdout=log,
                stderr=log,
            )

    def _supervise(self) -> None:
        while True:
            self.process.wait()
            with suppress(ProcessLookupError):
                # Workers that outlive their master finish their requests and stop.
                os.killpg(self.process.pid, signal.SIGTERM)
            time.sleep(RESTART_SECONDS)
            with self._lock:
                if self._stopping:
                    return
                self.process = self._start()
