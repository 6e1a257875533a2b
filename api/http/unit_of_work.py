"""The database connection of a request, opened when it is needed."""

from contextlib import AbstractContextManager
from types import TracebackType

from api.store.engine.connections import Connection
from api.store.engine.replica import Read


class UnitOfWork:
    """The work of a request in the database. It has no connection before it needs one."""

    connection: Connection | None = None
    _context: AbstractContextManager[Connection]

    def __init__(self, open_connection: Read) -> None:
        self._open_connection = open_connection

    def open(self) -> Connection:
        """Open the connection."""
        self._context = self._open_connection()
        self.connection = self._context.__enter__()
        return self.connection

    def __enter__(self) -> "UnitOfWork":
        """Return this unit of work."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit, or roll back if there was an error."""
        if self.connection:
            self._context.__exit__(kind, error, traceback)
