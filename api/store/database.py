"""The database: an SQLite file beside the process, or PostgreSQL."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa

from api.settings import BadSetting, Settings
from api.store.errors import Unavailable
from api.store.sql import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = max(path.stem for path in MIGRATIONS.glob("versions/[0-9]*.py")).partition("_")[0]
PATIENCE = 10
"""Seconds to wait for a connection, or for one's turn to write."""


class Database:
    """Connections to what is kept: autocommitted to read, in one transaction to write.

    Making one connects to nothing.
    """

    def __init__(self, settings: Settings) -> None:
        engine = _engine(settings)
        self.embedded = engine.dialect.name == "sqlite"
        if self.embedded:
            _embed(engine, settings.sqlite_synchronous)
            self._reads: sa.Engine = engine
            # A transaction that begins DEFERRED fails as soon as it writes what another has written meanwhile.
            self._writes: sa.Engine = engine.execution_options(sqlite_begin="IMMEDIATE")
            self._snapshots: sa.Engine = engine.execution_options(sqlite_begin="DEFERRED")
        else:
            self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
            self._writes = engine
            self._snapshots = engine.execution_options(isolation_level="REPEATABLE READ")
        # SQLite wakes waiting writers in no order: a queue within the process doubles what they get done.
        self._turn: AbstractContextManager[object] = threading.Lock() if self.embedded else nullcontext()

    def close(self) -> None:
        """Close the connections that nobody is using."""
        self._reads.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on which every statement sees what is committed; `Unavailable` if there is none."""
        with _translated(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back if an exception leaves the block."""
        with _translated(), self._turn, self._writes.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which all statements see the same moment, whatever is written meanwhile."""
        with _translated(), self._snapshots.begin() as connection:
            yield connection

    def revision(self) -> str | None:
        """The migration that the database is at; None before the first."""
        with self.read() as db:
            if not sa.inspect(db).has_table("alembic_version"):
                return None
            return cast("str | None", db.scalar(sa.text("SELECT version_num FROM alembic_version")))

    def upgrade(self) -> None:
        """Bring the tables to this version's migration. Safe to run from many processes at once."""
        # Alembic costs a fifth of a second and ten megabytes: only who migrates pays.
        from alembic import command, config  # noqa: PLC0415

        configuration = config.Config()
        configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.write() as connection:
            if not self.embedded:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('pressroom upgrade'))"))
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")


def _engine(settings: Settings) -> sa.Engine:
    try:
        url = sa.make_url(settings.database_url)
        backend = url.get_backend_name()
    except sa.exc.ArgumentError:
        backend = None
    if backend == "sqlite" and url.database not in (None, "", ":memory:"):
        waiting: dict[str, Any] = {"poolclass": sa.QueuePool, "connect_args": {"timeout": PATIENCE}}
    elif backend == "postgresql":
        waiting = {"pool_pre_ping": True, "connect_args": {"connect_timeout": PATIENCE}}
    else:
        # Not repeated here: it may hold a password.
        raise BadSetting("PRESSROOM_DATABASE_URL: write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.")
    try:
        return sa.create_engine(url, pool_size=settings.threads, max_overflow=0, pool_timeout=PATIENCE, **waiting)
    except ModuleNotFoundError as error:
        raise BadSetting(f"PRESSROOM_DATABASE_URL needs {error.name}: pip install 'pressroom[postgresql]'.") from error


def _embed(engine: sa.Engine, synchronous: str) -> None:
    """Take transactions from the driver's hands, and make SQLite as strict as PostgreSQL."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if mode := connection.get_execution_options().get("sqlite_begin"):
            connection.exec_driver_sql(f"BEGIN {mode}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        raise Unavailable("The database does not answer. Try again in a moment.") from error
