"""The database: an SQLite file beside the process, or PostgreSQL."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa

from api.settings import BadSetting, Settings
from api.store import sqlite
from api.store.errors import Unavailable
from api.store.sql import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = max(path.stem for path in MIGRATIONS.glob("versions/[0-9]*.py")).partition("_")[0]
PATIENCE = 5
"""Seconds to wait for a connection, for one's turn to write, and then for the writers of other processes."""
UNDEFINED_TABLE = "42P01"
"""PostgreSQL's SQLSTATE."""


class Database:
    """Connections to what is kept: autocommitted to read, in one transaction to write.

    Making one connects to nothing.
    """

    def __init__(self, settings: Settings) -> None:
        engine = _engine(settings)
        self.embedded = engine.dialect.name == "sqlite"
        if self.embedded:
            sqlite.embed(engine, settings.sqlite_synchronous, patience=PATIENCE)
            self._reads: sa.Engine = engine
            # A transaction that begins DEFERRED fails as soon as it writes what another has written meanwhile.
            self._writes: sa.Engine = engine.execution_options(sqlite_begin="IMMEDIATE")
            self._hasty: sa.Engine = self._writes.execution_options(sqlite_wait=False)
            self._snapshots: sa.Engine = engine.execution_options(sqlite_begin="DEFERRED")
        else:
            self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
            self._writes = self._hasty = engine
            self._snapshots = engine.execution_options(isolation_level="REPEATABLE READ")
        # SQLite wakes waiting writers in no order: a queue within the process doubles what they get done.
        self._turn = threading.BoundedSemaphore(1 if self.embedded else settings.threads)

    def prepare(self) -> "Database":
        """This database, made or brought up to date if it is embedded; others are migrated by their operator."""
        if self.embedded and self.revision() != HEAD:
            self.upgrade()
        return self

    def close(self) -> None:
        """Close the connections that nobody is using."""
        self._reads.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on which every statement sees what is committed; `Unavailable` if there is none."""
        with _translated(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, wait: bool = True) -> Iterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back if an exception leaves the block.

        `Unavailable` if one's turn does not come in time; at once, unless one may `wait`.
        """
        if not self._turn.acquire(timeout=PATIENCE if wait else 0):
            raise Unavailable("Too many are writing. Try again in a moment.")
        try:
            with _translated(), (self._writes if wait else self._hasty).begin() as connection:
                yield connection
        finally:
            self._turn.release()

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
        from alembic import command, config, util  # noqa: PLC0415

        configuration = config.Config()
        configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.write() as connection:
            if not self.embedded:
                connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
                connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('pressroom upgrade'))"))
            configuration.attributes["connection"] = connection
            try:
                command.upgrade(configuration, "head")
            except util.CommandError as error:
                raise Unavailable("The tables are of a newer version. Run that one.") from error


def _engine(settings: Settings) -> sa.Engine:
    url = sa.make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        waiting: dict[str, Any] = {"poolclass": sa.QueuePool, "connect_args": {"timeout": PATIENCE}}
    else:
        # In UTC, because Python's last moment does not exist further east.
        options = f"-c timezone=UTC -c lock_timeout={PATIENCE}s -c statement_timeout={2 * PATIENCE}s"
        waiting = {"pool_pre_ping": True, "connect_args": {"connect_timeout": PATIENCE, "options": options}}
    try:
        return sa.create_engine(url, pool_size=settings.threads, max_overflow=0, pool_timeout=PATIENCE, **waiting)
    except ModuleNotFoundError as error:
        raise BadSetting("PRESSROOM_DATABASE_URL needs a driver: pip install -e '.[postgresql]'.") from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        raise Unavailable("The database does not answer. Try again in a moment.") from error
    except sa.exc.DatabaseError as error:
        if getattr(error.orig, "sqlstate", None) == UNDEFINED_TABLE:
            raise Unavailable("The tables are not made yet. Run `pressroom db upgrade`.") from error
        if type(error) is sa.exc.DatabaseError:
            raise Unavailable("The database cannot be read.") from error
        raise
