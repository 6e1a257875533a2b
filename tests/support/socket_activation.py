"""What systemd does: it owns the socket, so that clients wait while the server behind it is started anew."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

from tests.support.paths import PROJECT_ROOT

RESTART = 0.2
"""Seconds from the end of a server to the start of the next: `RestartSec`."""
_ENTER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", *sys.argv[2:]])
"""
"""What runs between fork and exec, as sd_listen_fds(3) has it: the socket is number 3, for this process alone."""


class UnixConnection(HTTPConnection):
    """A client's connection to a server that listens at a path."""

    def __init__(self, path: Path, timeout: float = 10) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Activation:
    """gunicorn behind a socket at `path` that outlives it, started anew whenever it ends (`Restart=always`).

    `process` is the master of the moment, to be sent signals. `directory` must be short: a path of a socket has at most
    107 bytes.
    """

    def __init__(self, directory: Path, house: Path | str = PROJECT_ROOT, **settings: str) -> None:
        self.path, self.log = directory / "pressroom.sock", directory / "log"
        self.database_url = f"sqlite:///{directory / 'pressroom.sqlite'}"
        self._socket, self._notified = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.listen(2048)
        self._notified.bind(str(directory / "notify"))
        self._notified.settimeout(20)
        given = {"PRESSROOM_DATABASE_URL": self.database_url, "WEB_CONCURRENCY": "2", **settings}
        protocol = {"LISTEN_FDS": "1", "NOTIFY_SOCKET": str(directory / "notify")}
        self._house, self._environment = house, {**os.environ, **given, **protocol}
        self._stopping, self._lock = False, threading.Lock()
        self.process = self._start()
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()

    def connect(self, timeout: float = 10) -> UnixConnection:
        """A client's connection, which waits in the queue of the socket while there is no server."""
        return UnixConnection(self.path, timeout)

    def wait(self) -> "Activation":
        """Until the next server says that it is ready (`Type=notify`), once for each."""
        assert b"READY=1" in self._notified.recv(4096).split(b"\n"), self.log.read_text()
        return self

    def stop(self) -> None:
        """End the server for good, and give the socket up."""
        with self._lock:
            self._stopping = True
            self.process.terminate()
        self._keeper.join()
        self._socket.close()
        self._notified.close()

    def _start(self) -> subprocess.Popen[bytes]:
        number = self._socket.fileno()
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", _ENTER, str(number), "gunicorn"],
                cwd=self._house,
                env=self._environment,
                pass_fds=[number],
                process_group=0,
                stdout=log,
                stderr=log,
            )

    def _keep(self) -> None:
        while True:
            self.process.wait()
            with suppress(ProcessLookupError):
                # Workers that have outlived their master finish what they have.
                os.killpg(self.process.pid, signal.SIGTERM)
            time.sleep(RESTART)
            with self._lock:
                if self._stopping:
                    return
                self.process = self._start()
