"""The database: an SQLite file or a PostgreSQL server.

SQLAlchemy compiles statements and opens connections. The connection pool (`pool`), the statement cache and the row
factory (both in `connections`) are our own: a query costs 49 µs with them, and 162 to 247 µs with SQLAlchemy's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from api.atomic import delete_leftovers
from api.settings import Settings
from api.store.engine import engines, migrate, retries, sqlite
from api.store.engine.checkout import Checkout
from api.store.engine.citus import SingleNode
from api.store.engine.connections import Connection, StatementCache
from api.store.engine.driver_errors import DriverErrors
from api.store.engine.migrate import HEAD
from api.store.engine.pool import Pool
from api.store.engine.retries import Result
from api.store.engine.timeouts import Timeouts
from api.store.engine.write_queue import WriteQueue
from api.store.errors import DatabaseNeedsRepair


class Database:
    """Pooled connections to a database: autocommitting for reads, in one transaction for writes.

    The constructor does not connect. `connections` overrides the size of the pool, which follows `settings.threads`.
    """

    def __init__(self, settings: Settings, *, timeouts: Timeouts = Timeouts(), connections: int | None = None) -> None:
        self.timeouts = timeouts
        self.engine, self.file = engines.create(settings, timeouts)
        self.is_sqlite = self.file is not None
        self.single_node = SingleNode(is_known=self.is_sqlite)
        self._statements = StatementCache(self.engine.dialect)
        # With three or more threads, one is reserved for requests that need no database.
        size = connections or max(min(2, settings.threads), settings.threads - 1)
        self.pool = Pool(self.engine, size, timeouts, self.file)
        self._driver_errors = DriverErrors(self.engine, *([self.file.explain_failure] if self.file else []))
        self._begin_snapshot = "BEGIN DEFERRED" if self.is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ"
        self._write_queue = WriteQueue(settings.threads, timeouts) if self.is_sqlite else None

    def migrate_if_embedded(self, *, create: bool = True) -> "Database":
        """Create or migrate an SQLite database, and return self. Operators migrate PostgreSQL themselves.

        Raises `Unavailable` if the file is missing and cannot or must not be created, or if it cannot be written.
        """
        if self.file:
            if create:
                self.file.create()
            self.file.require_writable()
            delete_leftovers(self.file.path.parent)
            if (self.revision() or "") < HEAD:
                self.upgrade()
        return self

    def require_current_schema(self) -> "Database":
        """Return self if the schema is this version's or newer; create and migrate nothing.

        Raises `Unavailable` otherwise.
        """
        if self.file and not self.file.path.exists():
            self.file.require_no_lost_database()
            raise DatabaseNeedsRepair(
                "The database does not exist.",
                reason=f"{self.file.path} (PRESSROOM_DATABASE_URL) does not exist. Put it back, or restore a backup by "
                "`pressroom restore`; for a new site, run `pressroom db upgrade`.",
            )
        if (self.revision() or "") < HEAD:
            raise DatabaseNeedsRepair("The database schema is out of date. Run `pressroom db upgrade`.")
        return self

    def close(self) -> None:
        """Close the idle connections."""
        self.pool.close()
        if self.file:
            self.file.close()

    def read(self) -> Checkout:
        """Open an autocommitting connection: each statement sees the data committed so far.

        Raises `Unavailable` if the database fails.
        """
        return Checkout(self.pool, self._statements, self._driver_errors)

    @contextmanager
    def write(self, *, wait: bool = True) -> Iterator[Connection]:
        """Open a transaction, committed at the end of the block and rolled back if an exception leaves it.

        Raises `Unavailable` if other writers take too long, or immediately if `wait` is false.
        """
        if queue := self._write_queue:
            queue.acquire(wait=wait)
        has_begun = False
        try:
            with self.read() as connection:
                if queue:
                    # A DEFERRED one would fail at its first write if another had committed since its first read.
                    sqlite.begin_immediate(connection._driver, self.timeouts, wait=wait)  # noqa: SLF001 (of this package)
                    queue.begun()
                else:
                    connection.execute_sql("BEGIN")
                has_begun = True
                try:
                    if self.file:
                        self.file.epochs.begin(connection)
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                self._commit(connection)
        finally:
            if queue:
                queue.release(success=has_begun, waited=wait)

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except self._driver_errors.types as error:
            self._driver_errors.check_outcome(error)
            connection.rollback()
            raise
        if self.file:
            self.file.require_current(connection._driver)  # noqa: SLF001 (of this package)

    def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Return what `work` returns, run in a write transaction: again if that is rolled back because of others."""

        def run() -> Result:
            with self.write() as connection:
                return work(connection)

        return retries.run(run)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a read transaction in which all statements see the same snapshot."""
        with self.read() as connection:
            connection.execute_sql(self._begin_snapshot)
            try:
                yield connection
            finally:
                connection.rollback()

    def revision(self) -> str | None:
        """Return the database's current migration; None before the first."""
        with self.read() as db:
            return migrate.read_revision(db)

    def upgrade(self, last: str = HEAD) -> None:
        """Create or migrate the tables, up to that migration. Safe to run from many processes at once."""
        if self.file:
            self.file.create()
        retries.run(self._driver_errors.translating()(partial(migrate.upgrade_all, self.engine, last)))
